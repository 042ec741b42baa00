"""Types of the values that a browser session keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import RemoteGeneration
from lib.core.conversation import Conversation, Node
from lib.core.usage import UsageTotal

Persistence = Literal["browser", "tab", "page"]


@dataclass(frozen=True)
class BrowserIdentity:
    """A browser's user id, and the store that keeps the browser's secret: localStorage, sessionStorage or
    only the page.
    """

    id: str
    persistence: Persistence


@dataclass(frozen=True)
class PasswordCheck:
    """Result of a password attempt; with `retry_after` seconds to wait, a correct one is refused as well."""

    is_correct: bool
    retry_after: float = 0.0


@dataclass
class ConversationView:
    """The open conversation as the session shows it; `conversation` is None for a new one.

    `nodes` is the path from the root to the head, read when the conversation is opened and updated by the
    session that works with it. `nodes[start:end]` is rendered; `start` is pinned, because a sliding window
    would render every message again. `end` is None unless a search result far above the head was opened.
    `generation` produces the last node. `siblings` are the ids of all alternatives by node id, for nodes that
    have alternatives. `usage_by_node` is the usage of each answer by node id.
    """

    conversation: Conversation | None = None
    nodes: list[Node] = field(default_factory=list)
    siblings: dict[str, list[str]] = field(default_factory=dict)
    usage_by_node: dict[str, UsageTotal] = field(default_factory=dict)
    start: int = 0
    end: int | None = None
    generation: Generation | RemoteGeneration | None = None

    @property
    def conversation_id(self) -> str | None:
        return self.conversation.id if self.conversation else None


@dataclass(frozen=True)
class UndoOffer:
    """A change that `action` reverts; shown beside `conversation_id` only, or everywhere for None."""

    message: str
    action: Callable[[], None]
    conversation_id: str | None


@dataclass
class PagerPosition:
    """Position in a paged list: `cursors` are the last items of the pages above the visible ones."""

    cursors: list[Any] = field(default_factory=list)
    page_count: int = 1


@dataclass
class Selection:
    """Conversations selected in the history list, and those that the last run listed; both by id."""

    selected: dict[str, Conversation] = field(default_factory=dict)
    visible: dict[str, Conversation] = field(default_factory=dict)
    is_folder_picker_open: bool = False

    def set_selected(self, conversation: Conversation, is_selected: bool) -> None:
        self.selected.pop(conversation.id, None)
        if is_selected:
            self.selected[conversation.id] = conversation

    def set_all_selected(self, is_selected: bool) -> None:
        self.selected = {**self.selected, **self.visible} if is_selected else {}

    def toggle_folder_picker(self) -> None:
        self.is_folder_picker_open = not self.is_folder_picker_open

    @property
    def is_all_selected(self) -> bool:
        return bool(self.visible) and self.visible.keys() <= self.selected.keys()
