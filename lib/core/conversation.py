"""Conversations: messages and their parts, nodes of the tree, usage, timing and failures."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, Literal

from lib.core.params import Params
from lib.core.prompts import Persona
from lib.core.target import Target

ANSWER_LIMIT = "antler_max_answer"  # finish reason of an answer that reached the server's own maximum
REPLAY = "antler_replay"  # the name of a note in the metadata of an answer that was replayed


class Outcome(StrEnum):
    """The way an answer ended; ARRIVING until then."""

    ARRIVING = "arriving"
    COMPLETE = "complete"
    LENGTH = "length"
    STOPPED = "stopped"
    REFUSED = "refused"
    FILTERED = "filtered"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    EMPTY = "empty"


@dataclass(frozen=True)
class TextPart:
    """Visible text; `cited` are the numbers of sources that it cites at its end, without marks of its own."""

    text: str
    cited: tuple[int, ...] = ()


@dataclass(frozen=True)
class ThinkingPart:
    """Thinking text; `signature` proves to the vendor that it is unchanged.

    Where the vendor encrypts it, `text` is empty and `redacted_data` is its encrypted form.
    """

    text: str
    signature: str = ""
    redacted_data: str = ""

    @property
    def is_replayable(self) -> bool:
        """True if the vendor accepts it in a later request."""
        return bool(self.signature or self.redacted_data)


@dataclass(frozen=True)
class ImagePart:
    """An image of an answer: base64 `data` of `media_type`, or the `url` of an image on another host."""

    text: ClassVar[str] = ""  # of no part but text and thinking
    media_type: str = ""
    data: str = ""
    url: str = ""


@dataclass(frozen=True)
class SourcePart:
    """A source that an answer cites: a web page, or a document without `url`; `quote` is its cited text.

    `number` is that of its marks in the text, such as [3], where that is not its position; 0 otherwise.
    """

    text: ClassVar[str] = ""
    url: str = ""
    title: str = ""
    quote: str = ""
    number: int = 0


@dataclass(frozen=True)
class OtherPart:
    """Content without a form of its own here: a tool's call or result, audio, a document, or anything new.

    `kind` is its type in the wire's words, `label` says in a few words what it was, `details` is its JSON, shortened.
    """

    text: ClassVar[str] = ""
    kind: str
    label: str = ""
    details: str = ""


FileKind = Literal["image", "pdf", "document", "spreadsheet", "presentation", "text", "audio"]


@dataclass(frozen=True)
class FilePart:
    """A file of a message, without its content: that is stored apart, for the same owner under the same `digest`.

    `digest` is the SHA-256 of the bytes that are kept, in hexadecimal digits, and `size` their number. `width` and
    `height` are those of an image in pixels. `pages` is the number of pages, slides or sheets of the original, and
    `selection` names those that are kept, as "1-3, 7"; "" for all of them. `notes` are sentences about how it was read.
    The content may be missing, as that of a file that was imported without it: then the file is only named.
    """

    text: ClassVar[str] = ""
    digest: str = ""
    name: str = ""
    media_type: str = ""
    size: int = 0
    kind: FileKind = "document"
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    selection: str = ""
    notes: tuple[str, ...] = ()


Part = TextPart | ThinkingPart | ImagePart | SourcePart | OtherPart | FilePart


@dataclass(frozen=True)
class Message:
    """A message, without its position in a tree."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The visible text; texts on both sides of an image, a file or other content are separate paragraphs."""
        texts: list[str] = []
        is_separated = False
        for part in self.parts:
            if isinstance(part, TextPart):
                if is_separated and texts and not (texts[-1][-1:].isspace() or part.text[:1].isspace()):
                    texts.append("\n\n")
                texts.append(part.text)
                is_separated = False
            elif isinstance(part, ImagePart | OtherPart | FilePart):
                is_separated = True
        return "".join(texts)

    @property
    def has_content(self) -> bool:
        """True if there is anything to see besides thinking: an image, a file or a source alone is enough."""
        return any(
            bool(part.text.strip()) if isinstance(part, TextPart) else not isinstance(part, ThinkingPart)
            for part in self.parts
        )

    @property
    def sources(self) -> tuple[SourcePart, ...]:
        """The sources in the order of their numbers in the text."""
        return tuple(part for part in self.parts if isinstance(part, SourcePart))

    @property
    def files(self) -> tuple[FilePart, ...]:
        """The files in their order."""
        return tuple(part for part in self.parts if isinstance(part, FilePart))

    @property
    def thinking(self) -> str:
        """The thinking text, without the blank lines that some wires leave around it."""
        thoughts = (part.text.strip() for part in self.parts if isinstance(part, ThinkingPart))
        return "\n\n".join(thought for thought in thoughts if thought)


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; None where the gateway did not report them.

    `input` counts all that was sent, tokens read from and written to the cache included. `cache_write_1h` is the part
    of `cache_write` that stays for an hour, None where lifetimes were not reported. `searches` counts web searches.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cache_write_1h: int | None = None
    searches: int | None = None

    def with_fallback(self, fallback: Usage) -> Usage:
        """Return these counters, with those of `fallback` where they are None."""
        pairs = ((getattr(self, f.name), getattr(fallback, f.name)) for f in fields(Usage))
        return Usage(*(b if a is None else a for a, b in pairs))

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of two requests; None counts as 0 beside a number."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(Usage))
        return Usage(*(b if a is None else a if b is None else a + b for a, b in pairs))


def new_id() -> str:
    """Return a random id, unguessable and safe in a URL."""
    return secrets.token_urlsafe(12)


@dataclass(frozen=True)
class Failure:
    """Reason why an answer failed: `code` selects the message shown, `detail` is the gateway's own text.

    `rejected_params` are the parameters named by the gateway; `retry_after` is in seconds. `request_digest`
    identifies the request where the gateway called it wrong, so that it is not sent again unchanged.
    """

    code: str
    detail: str = ""
    status: int | None = None
    request_id: str = ""
    retryable: bool = False
    rejected_params: tuple[str, ...] = ()
    retry_after: float | None = None
    request_digest: str = ""


@dataclass(frozen=True)
class Timing:
    """Seconds from sending to the first token (thinking or text), to the first text, and to the end."""

    first_token: float | None = None
    first_text: float | None = None
    total: float | None = None


Rating = Literal["good", "bad"]
MAX_FEEDBACK_CHARS = 2_000  # of a comment


@dataclass(frozen=True)
class Feedback:
    """The owner's rating of an answer, with an optional comment."""

    rating: Rating
    comment: str = ""


@dataclass(frozen=True)
class Node:
    """A message in its place in the tree; the later fields belong to answers.

    `provider_metadata` holds the gateway's facts under the names of its wire. `deleted_at` is the time of a
    soft delete. `usage_record_id` is that of the last request, "" for a further alternative of one request, and for
    a replay. `persona` is the one that answers.
    """

    id: str
    parent_id: str | None
    message: Message
    created_at: float
    outcome: Outcome = Outcome.COMPLETE
    finish_reason: str = ""
    target: Target | None = None
    usage: Usage = Usage()
    timing: Timing = Timing()
    failure: Failure | None = None
    request_id: str = ""
    provider_metadata: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: float | None = None
    usage_record_id: str = ""
    feedback: Feedback | None = None
    persona: Persona | None = None

    @property
    def arriving(self) -> bool:
        return self.outcome is Outcome.ARRIVING

    @property
    def is_replay(self) -> bool:
        """True for an answer that was replayed, without usage of its own; not once a request has continued it."""
        return REPLAY in self.provider_metadata and not self.usage_record_id


@dataclass(frozen=True)
class Truncation:
    """The part of a long path that is sent: from node `start` on, with `summary` in place of the rest.

    If `start` is not on the path, all of it is sent.
    """

    start_id: str
    summary: str = ""


TitleSource = Literal["question", "model", "person"]


@dataclass(frozen=True)
class Conversation:
    """A conversation as it is listed; `head_id` is the last node of the shown branch.

    Times are in seconds since 1970. `revision` is a version number for caches, incremented by every change to
    nodes or head. `unread` is set when an answer ends after the owner's last view, `arriving` while an answer
    arrives. `persona` is that of the next answer. Lists leave a conversation with a `comparison_id` out: it is a column
    of that comparison.
    """

    id: str
    title: str
    updated_at: float
    head_id: str | None = None
    target: Target | None = None
    params: Params = Params()
    created_at: float = 0.0
    revision: int = 0
    title_source: TitleSource = "question"
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    unread: bool = False
    arriving: bool = False
    truncation: Truncation | None = None
    persona: Persona | None = None
    comparison_id: str | None = None
