"""The fold of an answer's events: Reply, and ChoiceReplies for alternatives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from lib.core.conversation import (
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    Part,
    SourcePart,
    TextPart,
    ThinkingPart,
    Usage,
)
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    FinishRevoked,
    Heartbeat,
    ProviderMetadata,
    RedactedThinking,
    Restart,
    RetryScheduled,
    SignatureDelta,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    TurnContinued,
    UsageReport,
)
from lib.core.images import MAX_ANSWER_IMAGE_BYTES, format_size, split_data_images
from lib.core.sanitize import replace_surrogates, sanitize_json
from lib.core.sources import SourceList

MAX_BLOCKS = 1_000  # content blocks of one answer
_IMAGE_START = "data:image/"
_IMAGE_START_CHARS = len(_IMAGE_START) - 1
MAX_CHOICES = 128  # alternatives of one request, the limit of OpenAI's `n`


@dataclass(frozen=True, slots=True)
class ReplyCursor:
    """A place in a growing reply: all that `structure` numbers, and `length` deltas at the end of its last part."""

    structure: int = -1
    length: int = 0


@dataclass
class _Block:
    is_thinking: bool
    chunks: list[str] = field(default_factory=list)
    signature: str = ""
    redacted_data: str = ""
    content: ImagePart | OtherPart | None = None
    _split: tuple[int, tuple[Part, ...]] = (0, ())  # length of a text with images, and its parts

    def text(self) -> str:
        if len(self.chunks) > 1:
            self.chunks = ["".join(self.chunks)]
        return replace_surrogates(self.chunks[0]) if self.chunks else ""

    def parts(self) -> tuple[Part, ...]:
        text = self.text()
        if self.is_thinking:
            is_empty = not (text or self.signature or self.redacted_data)
            return () if is_empty else (ThinkingPart(text, replace_surrogates(self.signature), self.redacted_data),)
        content: tuple[Part, ...] = (self.content,) if self.content else ()
        if _IMAGE_START not in text:
            return (*content, TextPart(text)) if text else content
        if self._split[0] != len(text):
            self._split = len(text), split_data_images(text)
        return content + self._split[1]


class Reply:
    """The fold of an answer's events, valid after any prefix of them.

    Content blocks may overlap on the wire; they are keyed by index and joined in that order. `base` is the
    answer that the events continue: its parts come first, and its usage is added.
    """

    def __init__(self, base: Node | None = None) -> None:
        self._blocks: dict[tuple[int, bool], _Block] = {}
        self._structure = 0  # counts changes of all but the end of the last part
        self._tail: list[str] = []  # deltas at that end since the last such change
        self._tail_block: _Block | None = None
        self._tail_end = ""  # the last characters
        self._base_parts = base.message.parts if base else ()
        self._base_sources = base.message.sources if base else ()
        self._sources = SourceList(self._base_sources)
        self._cited: dict[int, dict[str, None]] = {}  # keys of sources by the text block that cites them
        self._base_usage = base.usage if base else Usage()
        self._usage = Usage()
        self._base_metadata = dict(base.provider_metadata) if base else {}
        self._metadata: dict[str, Any] = {}
        self._raw_usage: dict[str, Any] = {}
        self.finish: Finish | None = None
        self.restart_count = 0

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:  # the fast path: nearly all events are
            block = self._blocks.get((event.block, True)) or self._get_block(event.block, is_thinking=False)
            self._add_text(block, event.text)
            return
        if type(event) is ThinkingDelta:
            self._add_text(self._get_block(event.block, is_thinking=True), event.text)
            return
        if self._changes_parts(event):
            self._begin_tail(None)
        match event:
            case UsageReport(usage, raw):
                self._usage = usage.with_fallback(self._usage)
                self._raw_usage |= sanitize_json(dict(raw))
            case Finish(outcome, reason):
                self.finish = Finish(outcome, replace_surrogates(reason))
            case FinishRevoked():
                self.finish = None
            case ProviderMetadata(data):
                values = {key: v for key, v in sanitize_json(dict(data)).items() if v not in (None, "")}
                self._metadata = {**values, **self._metadata}
            case Restart():
                self._blocks, self._usage, self.finish = {}, Usage(), None
                self._metadata, self._raw_usage = {}, {}
                self._sources, self._cited = SourceList(self._base_sources), {}
                self.restart_count += 1
            case TurnContinued():
                self._keep_content()
            case _:
                self._add_content(event)

    def _keep_content(self) -> None:
        """Make the content so far the base of what follows."""
        self._base_parts, self._base_sources = self.parts(), self._sources.parts()
        self._base_usage, self._base_metadata = self.usage, self.provider_metadata
        self._blocks, self._usage, self.finish = {}, Usage(), None
        self._metadata, self._raw_usage = {}, {}
        self._cited = {}

    def _add_content(self, event: Event) -> None:
        match event:
            case SignatureDelta(signature, index):
                self._get_block(index, is_thinking=True).signature += signature
            case RedactedThinking(data, index):
                self._get_block(index, is_thinking=True).redacted_data += data
            case ContentPart(part, index):
                self._get_block(index, is_thinking=False).content = part
            case Citation(source, number, _, block):
                key = self._sources.add(source, number)
                if block is not None and key:
                    self._cited.setdefault(block, {})[key] = None
            case TextWasThinking(index):
                self._move_text_to_thinking(index)

    def read_tail(self, cursor: ReplyCursor) -> tuple[str | None, ReplyCursor]:
        """Return what has been added to the end of the last part since a cursor, and the new cursor.

        None if more than that has changed, as at the first time: then all of it has to be read.
        """
        text = "".join(self._tail[cursor.length :]) if cursor.structure == self._structure else None
        return text, ReplyCursor(self._structure, len(self._tail))

    def _changes_parts(self, event: Event) -> bool:
        """Tell if an event changes what is shown of the answer while it arrives."""
        if isinstance(event, ProviderMetadata):
            return any(key not in self._metadata for key, value in event.data.items() if value not in (None, ""))
        return not isinstance(event, UsageReport | Finish | FinishRevoked)

    def _add_text(self, block: _Block, text: str) -> None:
        block.chunks.append(text)
        if block is self._tail_block and _is_plain(end := self._tail_end + text):
            self._tail.append(text)
            self._tail_end = end[-_IMAGE_START_CHARS:]
        else:
            self._begin_tail(block)

    def _begin_tail(self, block: _Block | None) -> None:
        """Number a change of more than the end; what follows in `block` changes the end only, if it is the last one."""
        self._structure, self._tail, self._tail_block = self._structure + 1, [], None
        if block and self._blocks[max(self._blocks)] is block:
            text = "".join(block.chunks)
            if text and _is_plain(text):  # an empty text is no part
                self._tail_block, self._tail_end = block, text[-_IMAGE_START_CHARS:]

    def _get_block(self, index: int, *, is_thinking: bool) -> _Block:
        if len(self._blocks) >= MAX_BLOCKS and (index, not is_thinking) not in self._blocks:
            index = max(self._blocks)[0]  # untrusted indices: no real answer has so many blocks
        return self._blocks.setdefault((index, not is_thinking), _Block(is_thinking))

    def _move_text_to_thinking(self, last_index: int) -> None:
        for index, is_text in sorted(self._blocks):
            block = self._blocks[index, is_text]
            if is_text and index <= last_index and block.chunks:
                self._get_block(index, is_thinking=True).chunks += block.chunks
                block.chunks = []

    @property
    def usage(self) -> Usage:
        return self._base_usage + self._usage

    @property
    def provider_metadata(self) -> dict[str, Any]:
        """The gateway's own facts about the answer, its usage object among them."""
        usage = {"usage": dict(self._raw_usage)} if self._raw_usage else {}
        return {**self._base_metadata, **self._metadata, **usage}

    def parts(self) -> tuple[Part, ...]:
        parts: list[Part] = [part for part in self._base_parts if not isinstance(part, SourcePart)]
        for (index, _), block in sorted(self._blocks.items(), key=lambda item: item[0]):
            for part in block.parts():
                if isinstance(part, TextPart):
                    part = TextPart(part.text, self._list_cited(index))
                    if self._base_parts and parts and isinstance(last := parts[-1], TextPart) and not last.cited:
                        # A continuation joins the text it continues.
                        parts[-1] = TextPart(last.text + part.text, part.cited)
                        continue
                parts.append(part)
        return (*_limit_images(parts), *self._sources.parts())

    def _list_cited(self, index: int) -> tuple[int, ...]:
        """Return the numbers of the sources that a text cites at its end; none while it is the last one and grows."""
        keys = self._cited.get(index, ())
        if not keys or (self.finish is None and index == max(self._blocks)[0]):
            return ()
        return tuple(number for key in keys if (number := self._sources.number_of(key)))

    def message(self) -> Message:
        return Message("assistant", self.parts())

    def outcome(self) -> Outcome:
        """Return the outcome if no event follows: INTERRUPTED without a Finish event."""
        if self.finish is None:
            return Outcome.INTERRUPTED
        has_content = self.message().has_content
        if self.finish.outcome is Outcome.COMPLETE and not has_content:
            return Outcome.EMPTY
        if self.finish.outcome is Outcome.EMPTY and has_content:
            return Outcome.INTERRUPTED  # an empty continuation leaves the answer incomplete
        return self.finish.outcome

    def apply_to(self, node: Node) -> Node:
        """Return `node` with the content so far; its outcome stays."""
        return replace(
            node,
            message=self.message(),
            usage=self.usage,
            finish_reason=self.finish.reason if self.finish else "",
            provider_metadata=self.provider_metadata,
        )


def _is_plain(text: str) -> bool:
    """Tell if a text is shown as it came: without images in it, and without characters that are replaced."""
    return _IMAGE_START not in text and (text.isascii() or replace_surrogates(text) is text)


def _limit_images(parts: list[Part]) -> list[Part]:
    """Return the parts with the names of images in place of those beyond the limit of an answer."""
    size, limited = 0, list(parts)
    for index, part in enumerate(parts):
        if isinstance(part, ImagePart) and part.data:
            size += (image_size := len(part.data) * 3 // 4)
            if size > MAX_ANSWER_IMAGE_BYTES:
                limited[index] = OtherPart("image", f"{part.media_type}, {format_size(image_size)}")
    return limited


class ChoiceReplies:
    """The alternatives of one request: a Reply for each choice index; 0 always exists.

    Events of the request as a whole reach all of them, except its usage: the first one has it, so that it
    is counted once.
    """

    def __init__(self, base: Node | None = None) -> None:
        self.by_choice: dict[int, Reply] = {0: Reply(base)}

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:
            (self._get_reply(event.choice) if event.choice else self.by_choice[0]).add(event)
            return
        match event:
            case UsageReport():
                self.by_choice[0].add(event)
            case ProviderMetadata(_, None) | Restart() | TurnContinued():
                for reply in self.by_choice.values():
                    reply.add(event)
            case Heartbeat() | RetryScheduled():
                pass
            case _:
                self._get_reply(getattr(event, "choice", 0) or 0).add(event)

    def by_index(self, index: int) -> Reply:
        """Return the alternative that came as number `index`."""
        return next(islice(self.by_choice.values(), index, None))

    def _get_reply(self, choice: int) -> Reply:
        if choice not in self.by_choice:
            if not 0 < choice < MAX_CHOICES:
                return self.by_choice[0]
            self.by_choice[choice] = other = Reply()
            other.add(
                ProviderMetadata({key: v for key, v in self.by_choice[0].provider_metadata.items() if key != "usage"})
            )
        return self.by_choice[choice]
