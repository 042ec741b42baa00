"""Words to search by: how texts are cut, and that what matches is found again where it stands."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from lib.core import search_terms
from lib.core.search_terms import Term

# Signs that fold, join, part or vanish, beside whatever else there is.
TRICKY = (
    "aAbßẞİıſǆΣς\u0345ﬁ½①²ＡＢ１Å\u212bé"
    "\u0301\u0308\u0323\u20dd\ufe0f\u200d\u200b\u00ad\u034f\u3099\u309aかカｶﾞー々〇"
    "你好，。世界𠮷\U000e0100 한글ㅏㄱ\u1100\u1161\u11a8हिन्दीภาษาไทยที่❤👍🏽🇨🇳q7_.-\n\x00\ud83d"
)
TEXTS = some.text(some.sampled_from(TRICKY) | some.characters(), max_size=60)


def marked(text: str, typed: str) -> list[str]:
    return [
        text[start:end] for start, end in search_terms.find_matches(text, search_terms.parse_query(typed))
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("?! — “…” ❤️👍🏽🇨🇳 \ud83d\x00", []),
        ("st.session_state, not GPT-4o", ["st", "session", "state", "not", "gpt", "4o"]),
        ("3.14 v2", ["3", "14", "v2"]),
        ("使用模型", ["使用", "用模", "模型", "型"]),
        ("用GPT模型好", ["用", "gpt", "模型", "型好", "好"]),
        ("你好，世界", ["你好", "好", "世界", "界"]),
        ("カタカナとｶﾞｷﾞ", ["カタ", "タカ", "カナ", "ナと", "とガ", "ガギ", "ギ"]),
        ("한국어 말", ["한국", "국어", "어", "말"]),
        ("ﬁne ½ ＡＢ１ Straße cafe\u0301", ["fine", "1", "2", "ab1", "strasse", "café"]),
        ("हिन्दी ภาษาไทยที่", ["हिन्दी", "ภาษาไทยที่"]),
        ("zusammen\u00adarbeit 1️⃣ می\u200cخواهم", ["zusammenarbeit", "1", "میخواهم"]),
        ("葛\U000e0100城 か\u3099く", ["葛城", "城", "がく", "く"]),
        ("x" * 300, ["x" * search_terms.MAX_WORD_CHARS]),
    ],
)
def test_a_text_is_cut_into_words_and_pairs(text, tokens):
    assert search_terms.tokenize(text) == tokens


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", ()),
        ("\"*()-:^ ' % _ 。", ()),
        ("GPT-4o", (Term(("gpt",), True), Term(("4o",), True))),
        ("好", (Term(("好",), True),)),
        ("你好", (Term(("你好",), False),)),
        ("数据库 数据库 SQL", (Term(("数据", "据库"), False), Term(("sql",), True))),
    ],
)
def test_a_query_is_cut_into_terms(typed, terms):
    assert search_terms.parse_query(typed) == terms


def test_a_query_of_any_length_stays_small():
    assert len(search_terms.parse_query(" ".join(map(str, range(10_000))))) == search_terms.MAX_TERMS
    assert search_terms.parse_query("x" * 10_000) == (Term(("x" * search_terms.MAX_WORD_CHARS,), True),)
    long = "".join(chr(0x4E00 + place) for place in range(10_000))
    assert [len(term.tokens) for term in search_terms.parse_query(long)] == [64] * 15 + [39]
    # What is cut off is only the end: a letter stays with its accents.
    assert marked("a" + "\u0323" * 5, " " * (search_terms.MAX_QUERY_CHARS - 1) + "a" + "\u0323" * 5)


@pytest.mark.parametrize(
    ("text", "typed", "found"),
    [
        ("Streamlit streams", "STREAM", ["Stream", "stream"]),
        ("upstream", "stream", []),
        ("数据库的数据，数据", "数据", ["数据", "数据", "数据"]),
        ("数据库", "据", ["据"]),
        ("数据库", "库", ["库"]),
        ("大数据库", "数据库", ["数据库"]),
        ("数据，据库", "数据库", []),
        ("数据库存", "数据 据库", ["数据库"]),
        ("哈哈哈哈", "哈哈", ["哈哈哈哈"]),
        ("Das ½ ﬁnale cafe\u0301s", "café fin 2", ["½", "ﬁn", "cafe\u0301"]),
        ("ﬁn", "f", ["ﬁ"]),
        ("ｶﾞﾗｽ ガラス", "ガラ", ["ｶﾞﾗ", "ガラ"]),
        ("zusammen\u00adarbeit", "zusammena", ["zusammen\u00ada"]),
        ("e\u0301\u0323te\u0301", "ẹ́t", ["e\u0301\u0323t"]),
        ("नमस्ते हिन्दी", "हिन्", ["हिन्"]),
        ("한국어를 배우다", "국어", ["국어"]),
        ("nothing here", "?", []),
    ],
)
def test_what_is_searched_for_is_found_again(text, typed, found):
    assert marked(text, typed) == found


@settings(deadline=None)
@given(TEXTS)
@example("\u0345a \u0345a")
@example("a\u0345\u0301b")
@example("ΐ\u0345")
@example("か\u3099\u3099")
def test_every_word_of_any_text_is_found_in_it(text):
    for word in text.split():
        terms = search_terms.parse_query(word)
        assert bool(search_terms.find_matches(text, terms)) == bool(terms)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_found_lies_in_the_text_in_order(text, typed):
    spans = search_terms.find_matches(text, search_terms.parse_query(typed))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(text) for edge in edges)


@settings(deadline=None)
@given(TEXTS)
def test_folding_letter_by_letter_is_folding_the_whole(text):
    normal = unicodedata.normalize("NFKC", text).casefold()
    whole = unicodedata.normalize("NFKC", normal)
    assert search_terms.tokenize(text) == search_terms.tokenize(whole)


@settings(deadline=None)
@given(TEXTS)
def test_any_part_of_a_run_and_any_beginning_of_a_word_is_found(text):
    for token in search_terms.tokenize(text):
        for end in range(1, len(token) + 1):
            if unicodedata.category(token[end - 1])[0] != "M":
                assert search_terms.find_matches(text, search_terms.parse_query(token[:end]))


@settings(deadline=None)
@given(
    some.text(some.sampled_from("哈好a 1"), max_size=40),
    some.text(some.sampled_from("哈好a1"), min_size=1, max_size=4),
)
def test_signs_are_found_anywhere_and_words_where_they_begin(text, typed):
    runs = [run for run in _split(typed)]
    for term, run in zip(search_terms.parse_query("".join(runs[:1])), runs[:1], strict=True):
        spans = search_terms.find_matches(text, (term,))
        covered = {place for start, end in spans for place in range(start, end)}
        expected = set()
        for place in range(len(text)):
            begins = run[0] in "哈好" or place == 0 or text[place - 1] not in "a1"
            if text.startswith(run, place) and begins:
                expected |= set(range(place, place + len(run)))
        assert covered == expected


def _split(typed: str) -> list[str]:
    runs: list[str] = []
    for sign in typed:
        if runs and (runs[-1][-1] in "哈好") == (sign in "哈好"):
            runs[-1] += sign
        else:
            runs.append(sign)
    return runs


def test_zalgo_takes_no_longer_than_its_length():
    text = "a" + "\u0301\u0316" * 200_000 + " end"
    assert marked(text, "end") == ["end"]


TALE = "The quick brown fox jumps over the lazy dog. " * 9


def test_passages_show_what_was_found_with_what_is_around_it():
    spans = search_terms.find_matches(TALE, search_terms.parse_query("lazy"))
    first, *_, last = search_terms.extract_passages(TALE, spans[:1] + spans[8:], 12)
    assert TALE[first.start : first.end] == "over the lazy dog. The" == "".join(p for p, _ in first.segments)
    assert [piece for piece, wanted in first.segments if wanted] == ["lazy"]
    assert (last.end, last.segments[-1]) == (len(TALE), (" dog. ", False))


def test_passages_that_meet_are_one():
    spans = search_terms.find_matches(TALE, search_terms.parse_query("fox lazy"))[:4]
    (only,) = search_terms.extract_passages(TALE, spans, 30)
    assert [piece for piece, wanted in only.segments if wanted] == ["fox", "lazy", "fox", "lazy"]


def test_where_nothing_was_found_the_beginning_is_shown():
    (only,) = search_terms.extract_passages(TALE, [], 10)
    assert only.segments == (("The quick brown fox", False),)
    assert search_terms.extract_passages("", [], 10) == [search_terms.Passage(0, 0, ())]


@settings(deadline=None)
@given(TEXTS, TEXTS, some.integers(0, 20))
def test_passages_hold_all_that_was_found_and_nothing_twice(text, typed, around):
    spans = search_terms.find_matches(text, search_terms.parse_query(typed))
    parts = search_terms.extract_passages(text, spans, around)
    edges = [edge for part in parts for edge in (part.start, part.end)]
    assert edges == sorted(edges)
    inside = []
    for part in parts:
        assert "".join(piece for piece, _ in part.segments) == text[part.start : part.end]
        at = part.start
        for piece, wanted in part.segments:
            inside += [(at, at + len(piece))] if wanted else []
            at += len(piece)
    assert inside == spans
