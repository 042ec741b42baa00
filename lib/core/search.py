"""Values of the full-text search: its filter, and the conversations and messages that it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.core.conversation import Conversation


@dataclass(frozen=True)
class SearchFilter:
    """Conditions on what is found; the defaults are none.

    `model` keeps its answers and their questions. `folder` is "" for conversations in no folder. A message is
    in the period if it was created at or after `start` and before `end`, in seconds since 1970. A title is
    found if its conversation has a message that meets the conditions.
    """

    model: str = ""
    folder: str | None = None
    start: float | None = None
    end: float | None = None

    @property
    def is_empty(self) -> bool:
        return self == SearchFilter()

    @property
    def has_message_condition(self) -> bool:
        return bool(self.model) or self.start is not None or self.end is not None


@dataclass(frozen=True)
class MessageHit:
    """A matching message; `created_at` is in seconds since 1970.

    With a `file_name`, the match is in a file of the message, and `text` is a part of that file's text.
    """

    node_id: str
    role: Literal["user", "assistant"]
    created_at: float
    text: str
    file_name: str = ""


@dataclass(frozen=True)
class SearchResult:
    """A conversation that was found by its title, by its messages, or by both.

    `hits` are the newest of its `hit_count` matching messages. `found_at` is the time by which results of one
    kind are ordered, in seconds since 1970: that of the last change for a title, else of the newest message.
    """

    conversation: Conversation
    is_title_match: bool
    found_at: float
    hit_count: int = 0
    hits: tuple[MessageHit, ...] = ()
