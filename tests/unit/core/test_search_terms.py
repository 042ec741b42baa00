"""Search terms: tokens of texts and queries, match positions and passages."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core import search_terms
from lib.core.search_terms import Term

# Characters that fold, combine, decompose or are ignored.
TRICKY = (
    "aAbßẞİıſǆΣς\u0345ﬁ½①²ＡＢ１Å\u212bé"
    "\u0301\u0308\u0323\u20dd\ufe0f\u200d\u200b\u00ad\u034f\u3099\u309aかカｶﾞー々〇"
    "你好，。世界𠮷\U000e0100 한글ㅏㄱ\u1100\u1161\u11a8हिन्दीภาษาไทยที่❤👍🏽🇨🇳q7_.-\n\x00\ud83d"
)
TEXTS = st.text(st.sampled_from(TRICKY) | st.characters(), max_size=60)


def matched_texts(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in search_terms.find_matches(text, search_terms.parse_query(query))]


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
def test_text_is_tokenized_into_words_and_bigrams(text, tokens):
    assert search_terms.tokenize(text) == tokens


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("", ()),
        ("\"*()-:^ ' % _ 。", ()),
        ("GPT-4o", (Term(("gpt",), True), Term(("4o",), True))),
        ("好", (Term(("好",), True),)),
        ("你好", (Term(("你好",), False),)),
        ("数据库 数据库 SQL", (Term(("数据", "据库"), False), Term(("sql",), True))),
    ],
)
def test_queries_are_parsed_into_terms(query, terms):
    assert search_terms.parse_query(query) == terms


def test_long_queries_are_limited():
    assert len(search_terms.parse_query(" ".join(map(str, range(10_000))))) == search_terms.MAX_TERMS
    assert search_terms.parse_query("x" * 10_000) == (Term(("x" * search_terms.MAX_WORD_CHARS,), True),)
    long_query = "".join(chr(0x4E00 + index) for index in range(10_000))
    assert [len(term.tokens) for term in search_terms.parse_query(long_query)] == [64] * 15 + [39]
    # Queries are cut only at the end: a letter keeps its accents.
    assert matched_texts("a" + "\u0323" * 5, " " * (search_terms.MAX_QUERY_CHARS - 1) + "a" + "\u0323" * 5)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
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
def test_matches_of_a_query(text, query, expected):
    assert matched_texts(text, query) == expected


@settings(deadline=None)
@given(TEXTS)
@example("\u0345a \u0345a")
@example("a\u0345\u0301b")
@example("ΐ\u0345")
@example("か\u3099\u3099")
def test_every_word_of_a_text_matches_it(text):
    for word in text.split():
        terms = search_terms.parse_query(word)
        assert bool(search_terms.find_matches(text, terms)) == bool(terms)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_matches_are_ordered_and_within_the_text(text, query):
    spans = search_terms.find_matches(text, search_terms.parse_query(query))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(text) for edge in edges)


@settings(deadline=None)
@given(TEXTS)
def test_folding_by_character_equals_folding_the_text(text):
    normalized = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKC", normalized)
    assert search_terms.tokenize(text) == search_terms.tokenize(folded)


@settings(deadline=None)
@given(TEXTS)
def test_token_prefixes_match(text):
    for token in search_terms.tokenize(text):
        for end in range(1, len(token) + 1):
            if unicodedata.category(token[end - 1])[0] != "M":
                assert search_terms.find_matches(text, search_terms.parse_query(token[:end]))


@settings(deadline=None)
@given(
    st.text(st.sampled_from("哈好a 1"), max_size=40),
    st.text(st.sampled_from("哈好a1"), min_size=1, max_size=4),
)
def test_cjk_matches_anywhere_and_words_match_by_prefix(text, query):
    runs = [run for run in _split(query)]
    for term, run in zip(search_terms.parse_query("".join(runs[:1])), runs[:1], strict=True):
        spans = search_terms.find_matches(text, (term,))
        matched_indexes = {index for start, end in spans for index in range(start, end)}
        expected = set()
        for index in range(len(text)):
            is_start = run[0] in "哈好" or index == 0 or text[index - 1] not in "a1"
            if text.startswith(run, index) and is_start:
                expected |= set(range(index, index + len(run)))
        assert matched_indexes == expected


def _split(query: str) -> list[str]:
    runs: list[str] = []
    for character in query:
        if runs and (runs[-1][-1] in "哈好") == (character in "哈好"):
            runs[-1] += character
        else:
            runs.append(character)
    return runs


def test_stacked_accents_take_linear_time():
    text = "a" + "\u0301\u0316" * 200_000 + " end"
    assert matched_texts(text, "end") == ["end"]


TEXT = "The quick brown fox jumps over the lazy dog. " * 9


def test_passages_show_matches_with_context():
    spans = search_terms.find_matches(TEXT, search_terms.parse_query("lazy"))
    first, *_, last = search_terms.extract_passages(TEXT, spans[:1] + spans[8:], 12)
    assert TEXT[first.start : first.end] == "over the lazy dog. The" == "".join(p for p, _ in first.segments)
    assert [segment for segment, is_match in first.segments if is_match] == ["lazy"]
    assert (last.end, last.segments[-1]) == (len(TEXT), (" dog. ", False))


def test_adjacent_passages_are_merged():
    spans = search_terms.find_matches(TEXT, search_terms.parse_query("fox lazy"))[:4]
    (passage,) = search_terms.extract_passages(TEXT, spans, 30)
    assert [segment for segment, is_match in passage.segments if is_match] == ["fox", "lazy", "fox", "lazy"]


def test_without_matches_the_beginning_is_shown():
    (passage,) = search_terms.extract_passages(TEXT, [], 10)
    assert passage.segments == (("The quick brown fox", False),)
    assert search_terms.extract_passages("", [], 10) == [search_terms.Passage(0, 0, ())]


@settings(deadline=None)
@given(TEXTS, TEXTS, st.integers(0, 20))
def test_passages_contain_every_match_once(text, query, context):
    spans = search_terms.find_matches(text, search_terms.parse_query(query))
    passages = search_terms.extract_passages(text, spans, context)
    edges = [edge for passage in passages for edge in (passage.start, passage.end)]
    assert edges == sorted(edges)
    segments = []
    for passage in passages:
        assert "".join(segment for segment, _ in passage.segments) == text[passage.start : passage.end]
        position = passage.start
        for segment, is_match in passage.segments:
            segments += [(position, position + len(segment))] if is_match else []
            position += len(segment)
    assert segments == spans
