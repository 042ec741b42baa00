"""Storage protocols that turns and generations depend on; each method may raise StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.usage import UsageRecord


class MessageStore(Protocol):
    """Storage of the message tree of a conversation, and of an answer while it arrives."""

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save the text received so far; returns the outcome of the row, None if the row no longer exists."""

    def add(self, owner: str, conversation_id: str, node: Node) -> None:
        """Insert one more node of the conversation."""

    def finish(self, owner: str, node: Node, usage_records: Sequence[UsageRecord]) -> None:
        """Save the finished answer and the usage of its requests."""

    def node(self, owner: str, node_id: str) -> Node | None:
        """Return a node; None if it does not exist or has another owner."""

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark the row as stopped if it is still arriving."""

    def mark_stale(self, stale_after: float) -> int:
        """Mark answers without a heartbeat for `stale_after` seconds as interrupted; returns the count."""

    def nodes(self, owner: str, conversation_id: str) -> list[Node]: ...
    def save_turn(self, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
        """Insert new nodes and upsert their conversation in one transaction."""

    def reopen(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Mark a finished answer as arriving again, and update its conversation."""

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Show the branch that ends in this node."""

    def set_deleted(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None) -> None:
        """Soft delete nodes at a time in seconds since 1970; None restores them."""


class ConversationStore(Protocol):
    """Storage of a conversation's settings."""

    def get(self, owner: str, conversation_id: str) -> Conversation | None: ...
    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        """Set which part of a conversation is sent to the model; None for all of it."""


class TitleStore(Protocol):
    """Storage of generated titles."""

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        """Set a model's title, unless the title is no longer the start of the question."""


class UsageWriter(Protocol):
    """Storage of usage records."""

    def record(self, owner: str, *usage_records: UsageRecord) -> None:
        """Insert the records of one question, its first request first."""


class TurnStore(Protocol):
    """The aggregates that a turn reads and writes."""

    @property
    def conversations(self) -> ConversationStore: ...
    @property
    def messages(self) -> MessageStore: ...


class UtilityModelStore(Protocol):
    """The aggregates that titles and summaries are saved in."""

    @property
    def conversations(self) -> TitleStore: ...
    @property
    def usage(self) -> UsageWriter: ...
