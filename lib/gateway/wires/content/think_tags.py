"""Separation of thinking in tags such as <think> from the text of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lib.core.errors import AnswerError
from lib.core.events import ContentPart, Event, Restart, TextDelta, TextWasThinking, ThinkingDelta

# DeepSeek-R1, Qwen and most others; prompts for Claude; Gemini's compatible API; Seed-OSS; Magistral; Kimi-VL.
_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
_CLOSE_TAGS = tuple(_TAGS.values())
_CLOSE_TAG = re.compile("|".join(map(re.escape, _CLOSE_TAGS)))
_TAG_START = re.compile("[<◁]|\\[(?=/|$)")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)
_QUOTES = tuple("\"'“‘«「『（([")
_PUNCTUATION = tuple(".,;:!?…\"'”’»」』）)]，。；：！？、")


def split_thinking(events: Iterable[Event]) -> Iterator[Event]:
    """Yield `events` with text between the tags as ThinkingDelta, however the tags are split.

    Only an opening tag at the start of an answer counts: a later one is part of the text. A closing tag without an
    opening one ends thinking, too: chat templates of DeepSeek-R1, QwQ and others put the opening tag into the prompt.
    All text before it was thinking, which is said by TextWasThinking since it has been passed on already. Text that
    may be an incomplete tag is buffered until more arrives, or until the end.
    """
    splitters: dict[int, _ThinkTagSplitter] = {}
    try:
        for event in events:
            if type(event) is TextDelta:
                splitter = splitters.get(event.choice)
                if splitter is None:
                    splitter = splitters[event.choice] = _ThinkTagSplitter(event.choice)
                if splitter.is_passthrough and splitter.skips(event.text):
                    yield event  # nearly all deltas
                else:
                    yield from splitter.feed(event)
                continue
            if type(event) is Restart:
                splitters.clear()
            elif type(event) is ThinkingDelta and event.choice not in splitters:
                splitters[event.choice] = _ThinkTagSplitter(event.choice, has_own_thinking=True)
            elif type(event) is ContentPart and (splitter := splitters.get(event.choice)):
                yield from splitter.flush()
            yield event
    except AnswerError:
        yield from _flush_splitters(splitters)
        raise
    yield from _flush_splitters(splitters)


def _incomplete_length(text: str, tags: tuple[str, ...]) -> int:
    """Return the length of the end of a text that may be the start of a tag."""
    longest = max(map(len, tags)) - 1
    ends = (text[-length:] for length in range(min(longest, len(text)), 0, -1))
    return next((len(end) for end in ends if any(tag.startswith(end) for tag in tags)), 0)


def _flush_splitters(splitters: dict[int, _ThinkTagSplitter]) -> Iterator[Event]:
    for splitter in splitters.values():
        yield from splitter.flush()


class _LateCloseTag:
    """Search for a closing tag in text that no opening tag preceded.

    A tag that is only mentioned is none: in code, in quotes, or as a word among others on its line.
    """

    def __init__(self, *, has_own_thinking: bool) -> None:
        self._chunks: list[str] = []
        self._has_own_thinking = has_own_thinking  # in a field of its own: a tag at the start is left over
        self._held = ""  # the end of the text that may be the start of a tag, or lacks the sign behind it

    def skips(self, text: str) -> bool:
        """Note a text that cannot hold a tag; False if it has to be searched."""
        if self._held or _TAG_START.search(text):
            return False
        self._chunks.append(text)
        return True

    def feed(self, text: str, *, is_end: bool = False) -> tuple[str, str | None]:
        """Return the text before a closing tag and that behind it, or the text that is certain, and None."""
        text, self._held, certain = self._held + text, "", 0
        while tag := _CLOSE_TAG.search(text, certain):
            start, end = tag.span()
            if end == len(text) and not is_end:
                self._hold(text, start)
                return text[:start], None
            if self._ends_thinking("".join(self._chunks) + text[:start], text[end:]):
                return text[:start], text[end:]
            certain = end
        if not is_end:
            certain = max(certain, len(text) - _incomplete_length(text, _CLOSE_TAGS))
            self._hold(text, certain)
            return text[:certain], None
        return text, None

    def _hold(self, text: str, start: int) -> None:
        self._held = text[start:]
        self._chunks.append(text[:start])

    def _ends_thinking(self, before: str, after: str) -> bool:
        line = before[before.rfind("\n") + 1 :]
        is_code = line.count("`") % 2 or len(_FENCE.findall(before)) % 2
        has_open_tag = any(tag in before for tag in _TAGS)
        if is_code or line[-1:] in _QUOTES or has_open_tag or (self._has_own_thinking and before.strip()):
            return False
        if not line.strip() or after[:1] in ("\r", "\n"):
            return True
        return not (line[-1:].isspace() or after[:1].isspace() or after[:1] in _PUNCTUATION)


class _ThinkTagSplitter:
    """Parser state of one choice: before the text, inside the tags, or passing text through."""

    def __init__(self, choice: int, *, has_own_thinking: bool = False) -> None:
        self.is_passthrough = False
        self._choice = choice
        self._block = 0
        self._buffer = ""
        self._close_tag = ""
        self._late_tag: _LateCloseTag | None = _LateCloseTag(has_own_thinking=has_own_thinking)
        self._is_open = self._has_thinking = self._is_closed = False

    def skips(self, text: str) -> bool:
        """Return True for a text that is passed on as it is."""
        return self._late_tag is None or self._late_tag.skips(text)

    def feed(self, event: TextDelta) -> Iterator[Event]:
        self._block = event.block
        if self.is_passthrough:
            yield from self._search_late_tag(event.text)
            return
        self._buffer += event.text
        if not self._is_open and not self._is_closed:
            self._detect_open_tag()
        if self._is_open:
            yield from self._split_at_close_tag()
        if self._is_closed:
            self._buffer = self._buffer.lstrip()
            self.is_passthrough = bool(self._buffer)
        if self.is_passthrough:
            text, self._buffer = self._buffer, ""
            yield from self._search_late_tag(text)

    def _search_late_tag(self, text: str, *, is_end: bool = False) -> Iterator[Event]:
        """Yield text; at a closing tag without an opening one, turn all before it into thinking."""
        if self._late_tag is None:
            yield from self._text_event(text)
            return
        before, after = self._late_tag.feed(text, is_end=is_end)
        yield from self._text_event(before)
        if after is None:
            return
        self._late_tag, self._is_closed, self.is_passthrough = None, True, False
        yield TextWasThinking(self._block, self._choice)
        yield from self.feed(TextDelta(after, self._block, self._choice))

    def _text_event(self, text: str) -> Iterator[Event]:
        if text:
            yield TextDelta(text, self._block, self._choice)

    def _detect_open_tag(self) -> None:
        start = self._buffer.lstrip()
        if tag := next(filter(start.startswith, _TAGS), ""):
            self._is_open, self._buffer, self._close_tag = True, start[len(tag) :], _TAGS[tag]
            self._late_tag = None
        elif not any(tag.startswith(start) for tag in _TAGS):
            self.is_passthrough = True

    def _split_at_close_tag(self) -> Iterator[Event]:
        if not self._has_thinking:
            self._buffer = self._buffer.lstrip("\n")
        thinking, close_tag, remaining = self._buffer.partition(self._close_tag)
        if close_tag:
            self._is_open, self._is_closed = False, True
        else:
            # The end of the buffer may be the start of the tag.
            end = len(thinking) - _incomplete_length(thinking, (self._close_tag,))
            thinking, remaining = thinking[:end], thinking[end:]
        self._buffer = remaining
        if thinking:
            self._has_thinking = True
            yield ThinkingDelta(thinking, self._block, self._choice)

    def flush(self) -> Iterator[Event]:
        """Yield what is buffered, at the end of the text."""
        text, self._buffer = self._buffer, ""
        if self._is_open and text:
            yield ThinkingDelta(text, self._block, self._choice)
        elif not self._is_open:
            yield from self._search_late_tag(text, is_end=True)
