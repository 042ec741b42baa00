"""Invented web searches of the demo: queries, results and citations in the forms of both wires."""

from collections.abc import Iterator, Mapping
from typing import Any

from lib.demo.deltas import split_text
from lib.demo.request import ParsedRequest
from lib.demo.texts import SEARCH_OFF, SEARCH_ON, Text
from lib.demo.wire import OPENAI, Delta

MAX_QUERY = 60  # characters
# Title, address and quotation of each page, by the number that a delta names.
_PAGES: tuple[tuple[Text, str, Text], ...] = (
    (
        ("How antlers grow", "鹿角是怎样生长的"),
        "https://deer.example.com/antlers",
        ("Antlers grow up to two centimetres a day.", "鹿角每天最多能长两厘米。"),
    ),
    (
        ("A field guide to deer", "鹿类野外指南"),
        "https://guide.example.org/deer?page=2",
        ("A stag sheds them every spring.", "雄鹿每年春天换角。"),
    ),
    (("Antlers and horns", "鹿角与牛角"), "https://www.example.net/antlers-and-horns", ("Horns stay.", "牛角不脱落。")),
)


def wants_search(request: ParsedRequest) -> bool:
    """Return True for a request with the field of its wire for web searches."""
    if request.path == OPENAI:
        return "web_search_options" in request.body
    tools = request.body.get("tools") or ()
    return any(str(tool.get("type", "")).startswith("web_search") for tool in tools)


def write_search(request: ParsedRequest) -> str:
    """Return the answer with or without a search."""
    return (SEARCH_ON if wants_search(request) else SEARCH_OFF)[request.is_chinese]


def search_deltas(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Yield two searches and their results, then the text with a citation behind each of its paragraphs."""
    if not wants_search(request):
        yield from map(Delta, split_text(text))
        return
    query = " ".join(request.question.split())[:MAX_QUERY]
    for number, suffix in enumerate(("", " 2026")):
        yield Delta(query + suffix, "search")
        yield Delta(str(number), "found")
    for number, paragraph in enumerate(text.split("\n\n")):
        yield from map(Delta, split_text(("\n\n" if number else "") + paragraph))
        if number < len(_PAGES):
            yield Delta(str(number), "citation")


def results(number: str, is_chinese: bool) -> list[dict[str, Any]]:
    """Return the results of a search: all pages for the first, none for the second but the last page."""
    pages = _PAGES if number == "0" else _PAGES[-1:]
    return [
        {
            "type": "web_search_result",
            "title": title[is_chinese],
            "url": url,
            "encrypted_content": "ZGVtbw==",
            "page_age": "April 30, 2026",
        }
        for title, url, _ in pages
    ]


def citation(number: str, is_chinese: bool) -> dict[str, Any]:
    """Return a citation in Anthropic's form."""
    title, url, quote = _PAGES[int(number)]
    return {
        "type": "web_search_result_location",
        "url": url,
        "title": title[is_chinese],
        "encrypted_index": "ZGVtbw==",
        "cited_text": quote[is_chinese],
    }


def annotation(number: str, is_chinese: bool, position: int) -> Mapping[str, Any]:
    """Return a citation in OpenAI's form, at a position in the text."""
    title, url, _ = _PAGES[int(number)]
    place = {"start_index": max(0, position - 1), "end_index": position}
    return {"type": "url_citation", "url_citation": {"url": url, "title": title[is_chinese], **place}}
