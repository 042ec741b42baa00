"""Full-text search finds the same in every language, on both databases."""

from __future__ import annotations

import random
import re
import time
import unicodedata
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core import search_terms
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, ThinkingPart
from lib.storage.engine import read_transaction
from lib.storage.search_index import encode_passages
from lib.storage.store import Store
from tests.unit.storage.corpus import ASKED, SAID

TALK = Conversation("c", "Why?", 1.0, created_at=1.0)


def node(name: str, text: str, created: float = 1.0, **more) -> Node:
    return replace(Node(name, None, Message("user", (TextPart(text),)), created), **more)


def found(store: Store, typed: str, owner: str = "ann") -> list[str]:
    return [hit.node_id for hit in store.search.find(owner, typed, 999)]


def say(store: Store, *texts: str) -> None:
    """A conversation of these messages: m0, m1, …"""
    store.messages.save_turn("ann", TALK, [node(f"m{n}", text, float(n)) for n, text in enumerate(texts)])


# The same semantics once more, as words.py tells them, by looking at every message.


def folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in text if unicodedata.category(c) != "Cf" or c == "\u200b")


def in_run(sign: str) -> bool:
    return (
        bool(re.match("CJK|HIRAGANA|KATAKANA|HANGUL|IDEOGRAPHIC", unicodedata.name(sign, "")))
        and sign.isalnum()
    )


def parted(text: str) -> tuple[list[str], list[str]]:
    """The runs of signs and the words of a text."""
    kinds = ""
    for sign in text:
        mark = unicodedata.category(sign) in ("Mn", "Mc") and kinds.endswith("w") and sign != "\ufe0f"
        kinds += "s" if in_run(sign) else "w" if sign.isalnum() or mark else " "
    cut = [(run[0][0], text[run.start() : run.end()]) for run in re.finditer("s+|w+", kinds)]
    return [run for kind, run in cut if kind == "s"], [word for kind, word in cut if kind == "w"]


def matches(said: str, typed: str) -> bool:
    runs, known = parted(folded(said))
    wanted_runs, wanted = parted(folded(typed))
    return (
        bool(wanted_runs or wanted)
        and all(any(part in run for run in runs) for part in wanted_runs)
        and all(any(word.startswith(part) for word in known) for part in wanted)
    )


def test_a_corpus_is_searched_as_by_looking_at_every_message(store):
    say(store, *SAID)
    hits = 0
    for typed in ASKED:
        expected = [f"m{n}" for n, said in enumerate(SAID) if matches(said, typed)][::-1]
        assert found(store, typed) == expected, typed
        for name in expected:
            said = SAID[int(name[1:])]
            assert search_terms.find_matches(said, search_terms.parse_query(typed)), (typed, said)
        hits += len(expected)
    assert hits > 150


def test_nothing_is_found_by_nothing(store):
    say(store, *SAID)
    for typed in ("", " ", "?!—。，、", "👍🏽❤️", "\x00\ud83d", "%", "_", "'\"", "\\"):
        assert found(store, typed) == []


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    typed=some.text(some.sampled_from("\"'*()^:-+{}[]%_\\;/ANDORNEAT\x00\ud83d 你好a1") | some.characters())
)
def test_whatever_is_typed_is_harmless(store, typed):
    if not store.messages.nodes("ann", "c"):
        say(store, *SAID)
    for name in found(store, typed):
        assert search_terms.find_matches(SAID[int(name[1:])], search_terms.parse_query(typed))


def test_a_query_of_any_length_is_answered(store):
    say(store, "你好" * 5000, " ".join(f"word{n}" for n in range(5000)), "x" * 10_000)
    assert found(store, "你好" * 5000) == ["m0"]
    assert found(store, " ".join(f"word{n}" for n in range(5000))) == ["m1"]
    assert found(store, "x" * 10_000) == ["m2"]
    assert found(store, '"*' * 5000) == []


def test_a_hit_tells_where_and_what(store):
    talk = replace(TALK, title="Title", archived=True)
    answer = Message(
        "assistant", (ThinkingPart("Secret 想法", "sig"), TextPart("Said \x00"), TextPart("答案。"))
    )
    store.messages.save_turn(
        "ann", talk, [node("q", "Why?", 1.0), node("a", "", 2.0, parent_id="q", message=answer)]
    )
    (hit,) = store.search.find("ann", "答案", 9)
    assert (hit.conversation, hit.node_id, hit.role) == (
        store.conversations.get("ann", "c"),
        "a",
        "assistant",
    )
    assert (hit.created_at, hit.text) == (2.0, "Said \x00答案。")
    assert found(store, "想法") == found(store, "secret") == []


def test_pages_lose_nothing_and_repeat_nothing(store):
    store.messages.save_turn("ann", TALK, [node(f"m{n:02}", "你好 hello", float(n // 4)) for n in range(23)])
    seen: list[str] = []
    last = None
    while page := store.search.find("ann", "hello 你好", 5, last):
        seen += [hit.node_id for hit in page]
        last = page[-1]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 23


def test_what_is_deleted_hidden_or_anothers_is_not_found_and_what_is_archived_is(store):
    say(store, "你好", "你好 again")
    store.messages.save_turn("ann", replace(TALK, id="d"), [node("d", "你好", 9.0)])
    assert found(store, "你好") == ["d", "m1", "m0"]
    assert found(store, "你好", "bob") == []
    store.messages.soft_delete("ann", "c", ["m1"], time.time())
    store.conversations.delete("ann", ["d"])
    assert found(store, "你好") == ["m0"]
    store.messages.restore("ann", "c", ["m1"])
    store.conversations.restore("ann", ["d"])
    store.conversations.set_archived("ann", ["c", "d"], True)
    assert found(store, "你好") == ["d", "m1", "m0"]


def arriving(text: str, outcome: Outcome = Outcome.ARRIVING) -> Node:
    return node(
        "a", text, 2.0, parent_id="m0", outcome=outcome, message=Message("assistant", (TextPart(text),))
    )


@pytest.mark.parametrize("end", ["settle", "stop", "sweep"])
def test_an_answer_is_found_from_its_end_on(store, end):
    say(store, "Why?")
    store.messages.save_turn("ann", TALK, [arriving("")])
    store.messages.checkpoint("ann", arriving("half an answer"))
    assert found(store, "answer") == []
    if end == "settle":
        store.messages.finish("ann", arriving("half an answer", Outcome.COMPLETE))
    elif end == "stop":
        store.messages.mark_stopped("ann", "a")
    else:
        store.messages.mark_stale(-1)
    assert found(store, "answer half") == ["a"]


def test_an_answer_that_is_gone_on_with_is_found_by_its_new_words(store):
    say(store, "Why?")
    store.messages.save_turn("ann", TALK, [arriving("")])
    store.messages.finish("ann", arriving("old words", Outcome.LENGTH))
    store.messages.reopen("ann", TALK, arriving("old words"))
    assert found(store, "words") == ["a"]
    for _ in range(2):
        store.messages.finish("ann", arriving("new words", Outcome.COMPLETE))
    assert (found(store, "new"), found(store, "old"), found(store, "words")) == (["a"], [], ["a"])


def test_an_alternative_that_is_added_is_found(store):
    say(store, "Why?")
    store.messages.add("ann", "c", arriving("other words", Outcome.COMPLETE))
    assert found(store, "other") == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(0x4E00 + n % 3000) for n in range(20_000)),
        "哈" * 3000 + "好的" + "哈" * 3000,
        " ".join(f"w{n}" for n in range(9000)),
        "".join(random.Random(3).choices("数据库存取出入好", k=4000)),
    ],
    ids=["long", "one sign over and over", "many words", "few signs"],
)
def test_no_phrase_of_a_long_message_is_lost(store, text):
    say(store, text, "界外")
    places = random.Random(5)
    pieces = [text[:70], text[-70:], "哈" * 60 + "好的" + "哈", text[2990:3050], text[3000:3060]]
    pieces += [text[at : at + places.randrange(2, 65)] for at in places.sample(range(len(text) - 70), 60)]
    for piece in pieces:
        expected = ["m0"] if matches(text, piece) else []
        assert found(store, piece) == expected, piece
    first, last = search_terms.tokenize(text)[0], search_terms.tokenize(text)[-2]
    assert found(store, f"{first} {last}") == ["m0"]
    assert found(store, f"{first} 界外") == []


def test_passages_are_small_and_overlap():
    for text in ("数据库存" * 3000, "哈" * 3000, "x " * 3000, " ".join(f"w{n}" for n in range(5000))):
        parts = [part.split() for part in encode_passages(text)]
        assert max(map(len, parts)) <= 1000
        assert max(max(map(part.count, set(part))) for part in parts) <= 200
        for one, other in zip(parts, parts[1:], strict=False):
            assert one[-search_terms.MAX_PHRASE_TOKENS :] == other[: search_terms.MAX_PHRASE_TOKENS]
        whole = parts[0] + [token for part in parts[1:] for token in part[search_terms.MAX_PHRASE_TOKENS :]]
        assert len(whole) == len(search_terms.tokenize(text))


@settings(deadline=None)
@given(some.text(some.characters() | some.sampled_from("aq019你"), min_size=1, max_size=9))
def test_a_tokens_spelling_is_plain_and_its_own(text):
    for token in search_terms.tokenize(text):
        (spelt,) = encode_passages(token) if len(search_terms.tokenize(token)) == 1 else ["q0000"]
        assert re.fullmatch("[a-z][a-z0-9]*", spelt)


def test_spelling_keeps_what_begins_and_tells_all_apart():
    some_words = [
        "q",
        "qq",
        "q0",
        "0q",
        "0",
        "00",
        "a0",
        "é",
        "éa",
        "ée",
        "eé",
        "e",
        "1e5",
        "1e",
        "ж",
        "жq",
        "ā",
    ]
    spelt = {word: " ".join(encode_passages(word)) for word in some_words}
    for one in some_words:
        for other in some_words:
            assert spelt[one].startswith(spelt[other]) == one.startswith(other), (one, other)


def test_words_too_long_for_an_index_are_found_by_their_beginning(store):
    say(store, "ж" * 5000, "a1" * 5000, "z" * 100 + "y", "z" * 101)
    assert found(store, "ж" * 200) == ["m0"]
    assert found(store, "a1a1") == ["m1"]
    assert found(store, "z" * 101) == ["m3", "m2"]


def test_nothing_is_left_in_the_index_of_what_is_gone(store):
    say(store, *SAID)
    store.messages.save_turn(
        "ann", replace(TALK, id="d"), [node("d1", "你好 kept", 1.0), node("d2", "你好 gone", 2.0)]
    )
    store.messages.soft_delete("ann", "d", ["d2"], 5.0)
    store.conversations.delete("ann", ["c"])
    store.purge_deleted(-1)
    assert found(store, "你好") == ["d1"]
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM passage")) == 1
        if connection.dialect.name == "sqlite":
            # Also against the rows themselves.
            check = "INSERT INTO passage_words(passage_words, rank) VALUES ('integrity-check', 1)"
            connection.exec_driver_sql(check)
            words_left = "SELECT count(*) FROM passage_words WHERE passage_words MATCH ?"
            (gone,) = encode_passages("gone")
            assert connection.exec_driver_sql(words_left, (gone,)).scalar() == 0
    store.users.delete_data("ann")
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM passage")) == 0
