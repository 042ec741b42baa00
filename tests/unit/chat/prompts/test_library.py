"""Search in the prompt library, copies of entries, and parameters of personas."""

from __future__ import annotations

import pytest

from lib.chat.prompts.library import copy_prompt, search_prompts, switch_params
from lib.core.params import Params
from lib.core.prompts import Prompt, PromptSummary, build_prompt, clean_avatar, initials

ENTRIES = [
    PromptSummary("1", "prompt", "Code review", "Finds bugs in a diff"),
    PromptSummary("2", "prompt", "Résumé", "Sums up"),
    PromptSummary("3", "persona", "Strict reviewer", "Reviews code"),
    PromptSummary("4", "prompt", "总结文章"),
]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "1234"),
        ("  ", "1234"),
        ("review", "13"),
        ("REVIEW code", "13"),
        ("code review", "13"),
        ("rev strict", "3"),
        ("resume", "2"),
        ("bugs", "1"),
        ("文章", "4"),
        ("bugs strict", ""),
        ("usr/bin", ""),
    ],
)
def test_words_match_in_any_order_and_the_best_match_is_first(query, ids):
    assert "".join(entry.id for entry in search_prompts(ENTRIES, query)) == ids


def test_texts_are_searched_too_and_rank_last():
    texts = {"2": "Write about my CAREER", "3": "You find bugs.", "4": "résumé"}
    assert [entry.id for entry in search_prompts(ENTRIES, "career", texts)] == ["2"]
    assert [entry.id for entry in search_prompts(ENTRIES, "bugs", texts)] == ["1", "3"]
    # Words may be in different places.
    assert [entry.id for entry in search_prompts(ENTRIES, "strict you", texts)] == ["3"]
    assert [entry.id for entry in search_prompts(ENTRIES, "Resume", texts)] == ["2", "4"]


def test_a_copy_is_a_personal_entry_of_its_own():
    team = Prompt("1", "prompt", "Brief", is_team=True, text="x", created_at=1.0)
    copy = copy_prompt(team, "Brief " + "x" * 100, 5.0)
    assert (copy.is_team, copy.text, copy.created_at, len(copy.name)) == (False, "x", 5.0, 80)
    assert copy.id not in ("", team.id)


BEAR, CUB = Params(system="Bear", temperature=0.5, top_p=0.1), Params(system="Cub", temperature=1.0)


@pytest.mark.parametrize(
    ("current", "previous", "new", "expected"),
    [
        (Params(), None, BEAR, BEAR),
        (Params(max_tokens=9, temperature=0.2), None, BEAR, Params("Bear", 0.5, 9, 0.1)),
        (Params("Bear", 0.5, 9, 0.1), BEAR, CUB, Params("Cub", 1.0, 9)),
        (BEAR, BEAR, None, Params()),
        # What the user has changed since stays.
        (Params("My own", 0.7, 9, 0.1), BEAR, None, Params("My own", 0.7, 9)),
        (Params("Unknown", 0.7), None, None, Params("", 0.7)),
    ],
)
def test_a_persona_sets_its_parameters_and_takes_them_with_it(current, previous, new, expected):
    assert switch_params(current, previous, new) == expected


@pytest.mark.parametrize(
    "avatar", ["🐻", "👩‍💻", "👨‍👩‍👧‍👦", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "❤️", "👍🏽", "🏳️‍🌈", "A", "ab", "熊", " 🐻 "]
)
def test_an_emoji_or_two_letters_are_an_avatar(avatar):
    assert clean_avatar(avatar) == avatar.strip()


@pytest.mark.parametrize(
    "avatar", ["", "abc", "🐻🐻", "<b>", "\u200d", "http://evil.example/x.png", ":material/x:", "[x](y)"]
)
def test_anything_else_is_no_avatar(avatar):
    assert clean_avatar(avatar) == ""


@pytest.mark.parametrize(
    ("name", "letters"),
    [("code reviewer", "CR"), ("Bear", "B"), ("熊 猫", "熊"), ("“Éric” of b", "ÉO"), ("!!", "?"), ("", "?")],
)
def test_initials_stand_in_for_an_avatar(name, letters):
    assert initials(name) == letters


def test_untrusted_texts_become_a_valid_entry_or_none():
    entry = build_prompt(
        "persona",
        " A\nlong\x00  name " + "x" * 100,
        " text\n",
        "one\ntwo",
        avatar="<img src=x>",
        greeting=" Hi ",
        suggestions=("a", "", "a", *"bcdefgh"),
        params=Params(system="other", seed=1),
    )
    assert entry is not None
    assert (entry.name[:12], len(entry.name), entry.text, entry.description) == ("A long name ", 80, "text", "one two")
    assert (entry.avatar, entry.greeting, entry.suggestions) == ("", "Hi", tuple("abcdef"))
    assert entry.params == Params(seed=1)
    prompt = build_prompt("prompt", "x", "y", avatar="🐻", greeting="Hi", suggestions=("a",), params=Params(system="z"))
    assert prompt == Prompt("", "prompt", "x", text="y", params=Params(system="z"))
    for kind, name, text in (
        ("spell", "x", "y"),
        ("prompt", " \n", "y"),
        ("prompt", "x", " "),
        ("prompt", "x", "y" * 50_001),
    ):
        assert build_prompt(kind, name, text) is None
