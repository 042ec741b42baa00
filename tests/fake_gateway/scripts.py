"""Scripts: the deltas of an answer with hidden thinking, tool calls or unknown content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

from lib.demo import texts
from lib.demo.deltas import split_text
from lib.demo.request import ParsedRequest
from lib.demo.wire import Delta


def _deltas(text: str, kind: str = "text") -> Iterator[Delta]:
    return (Delta(piece, kind) for piece in split_text(text))


def signature_only(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Thinking of which only the signature is sent, then the text."""
    yield Delta(texts.THINKING, "sealed")
    yield from _deltas(text)


def redacted_thinking(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Redacted thinking, then the text."""
    yield Delta(texts.THINKING, "redacted")
    yield from _deltas(text)


def think_tags(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Thinking inside the text, in tags that are split between deltas."""
    for piece in ("<thi", "nk>\n", *split_text(texts.THINKING), "\n</", "think>\n", *split_text(text)):
        yield Delta(piece)


def thinking_only(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Thinking without a text."""
    return _deltas(texts.THINKING, "thinking")


def overlapping_thinking(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Thinking that continues while the text arrives."""
    thinking, answer = list(_deltas(texts.THINKING, "thinking")), list(_deltas(text))
    overlap = min(len(thinking), len(answer))
    yield from thinking[:-overlap]
    for thought, delta in zip(thinking[-overlap:], answer, strict=False):
        yield from (delta, thought)
    yield from answer[overlap:]


def tool_call(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Some text, then a tool call."""
    yield from islice(_deltas(text), 20)
    arguments = json.dumps({"query": request.question[:80], "results": 3}, ensure_ascii=False)
    yield from (Delta(arguments[at : at + 8], "tool") for at in range(0, len(arguments), 8))


def unknown_content(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """Content of an unknown kind, then the text."""
    yield from _deltas("a shape made of light", "unknown")
    yield from _deltas(text)


def one_delta(request: ParsedRequest, text: str) -> Iterator[Delta]:
    """The whole text in one delta."""
    yield Delta(text)
