"""Sources of an answer: numbers, merging and links."""

import pytest

from lib.core.conversation import SourcePart, TextPart
from lib.core.sources import MAX_QUOTE_LENGTH, MAX_SOURCES, SourceList, cited_text, host_of, link_destination

A, B, C = (SourcePart(f"https://{name}.example/") for name in "abc")


def build(*sources: tuple[SourcePart, int]) -> tuple[SourcePart, ...]:
    known = SourceList()
    for source, number in sources:
        known.add(source, number)
    return known.parts()


def test_numbers_decide_the_order_and_the_first_list_wins() -> None:
    assert build((C, 0), (B, 2), (A, 1)) == (A, B, C)
    assert build((A, 1), (B, 2), (A, 1), (B, 2)) == (A, B)
    assert build((A, 1), (B, 1)) == (A, B)
    assert build((B, 0), (A, 1), (B, 2)) == (A, B)


def test_numbers_with_a_gap_are_kept_also_when_the_answer_goes_on() -> None:
    cited = build((C, 7), (A, 2), (B, 0))
    assert [(source.url, source.number) for source in cited] == [(A.url, 2), (C.url, 7), (B.url, 0)]
    continued = SourceList(cited)
    continued.add(SourcePart("https://d.example/"), 3)
    assert [source.number for source in continued.parts()] == [2, 3, 7, 0]
    complete = SourceList(build((B, 2)))
    complete.add(A, 1)
    assert complete.parts() == (A, B)


def test_a_page_that_is_cited_again_adds_its_title_and_quote() -> None:
    titled, quoted = SourcePart(A.url, "Title"), SourcePart(A.url, "Other", "Quote")
    assert build((A, 1), (titled, 0), (quoted, 0), (quoted, 1)) == (SourcePart(A.url, "Title", "Quote"),)


def test_documents_without_a_link_differ_by_their_quotes() -> None:
    first, second = SourcePart("", "Report", "One"), SourcePart("", "Report", "Two")
    assert build((first, 0), (second, 0), (first, 0)) == (first, second)


def test_sources_are_clean_and_bounded() -> None:
    (source,) = build((SourcePart(" https://a.example/ ", "a\n b\ud83d", "x" * 5_000), 0))
    assert (source.url, source.title, len(source.quote)) == ("https://a.example/", "a b\ufffd", MAX_QUOTE_LENGTH)
    assert build((SourcePart(" ", "\n"), 0)) == ()
    many = [(SourcePart(f"https://a.example/{number}"), 0) for number in range(MAX_SOURCES + 9)]
    assert len(build(*many)) == MAX_SOURCES


def test_marks_stand_behind_the_text_that_cites_and_make_no_link() -> None:
    assert cited_text(TextPart("High at noon.\n\n", (1, 3))) == "High at noon. [1][3]\u2060\n\n"
    assert cited_text(TextPart("High at noon [1].", (1, 2))) == "High at noon [1]. [2]\u2060"
    for part in (TextPart("High."), TextPart("High [1].", (1,))):
        assert cited_text(part) == part.text
    assert cited_text(TextPart("a", tuple(range(1, 99)))).count("[") == 20


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("https://a.example/b?c=d&e=f#g", "https://a.example/b?c=d&e=f#g"),
        ("https://a.example/(x) [y]<z>`$|\\", "https://a.example/%28x%29%20%5By%5D%3Cz%3E%60%24%7C%5C"),
        ("https://a.example/%41", "https://a.example/%41"),
        ("https://a.example/说明", "https://a.example/%E8%AF%B4%E6%98%8E"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("mailto:a@b.example", ""),
        ("/signout", ""),
        ("", ""),
    ],
)
def test_links_lead_to_web_pages_only(url: str, destination: str) -> None:
    assert link_destination(url) == destination


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.a.example/b", "a.example"),
        ("https://good.example@evil.example/", "evil.example"),
        ("[", ""),
        ("", ""),
    ],
)
def test_host_of_a_link(url: str, host: str) -> None:
    assert host_of(url) == host
