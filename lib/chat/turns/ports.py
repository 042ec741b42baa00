"""What answers and turns ask of the place where conversations are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.usage import UsageRecord


class AnswerStore(Protocol):
    """Where an answer is kept while it comes; each method may raise StoreError."""

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save what has come; returns the outcome that the row has, None where the row is gone."""

    def add_node(self, owner: str, conversation_id: str, node: Node) -> None:
        """Save one more node of the conversation."""

    def finish(self, owner: str, node: Node, usage_records: Sequence[UsageRecord]) -> None:
        """Save the answer as it ended, and what its requests took."""

    def node(self, owner: str, node_id: str) -> Node | None:
        """The row as it is, None where it is gone or another's."""

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark the row as stopped if it is still arriving."""

    def mark_stale(self, stale_after: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted."""


class TurnStore(AnswerStore, Protocol):
    """What a turn asks of the database; each method may raise StoreError."""

    def conversation(self, owner: str, conversation_id: str) -> Conversation | None: ...
    def nodes(self, owner: str, conversation_id: str) -> list[Node]: ...
    def save_turn(self, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
        """Commit new nodes and the conversation as it now is, which may be new, in one transaction."""

    def reopen_answer(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Commit that an answer is arriving again, and the conversation as it now is."""

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Make the branch that ends in this node the one that is shown."""

    def set_nodes_deleted(
        self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None
    ) -> None:
        """Mark these nodes as deleted, in seconds since 1970, or bring them back where it is None."""

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        """Keep from where on a conversation is sent; None for all of it."""
