"""The keeper of a temporary chat: one session's memory, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.usage import UsageRecord, UsageTotal, to_usage_total


class UsageWriter(Protocol):
    """Where it is counted what requests took; may raise StoreError."""

    def record_usage(self, owner: str, *usage_records: UsageRecord) -> None: ...


@dataclass(frozen=True)
class _StoredNode:
    conversation_id: str
    node: Node
    last_checkpoint_at: float


class TemporaryStore:
    """Keeps one person's temporary chat, with the face of a turn's store. Any thread may call any method.

    What it keeps is gone with `forget`, or with the session. An answer that is arriving then finds its row
    missing at its next checkpoint, and ends. What its requests took is written into the `book`, without a
    word of what they were about.
    """

    def __init__(self, owner: str, usage_writer: UsageWriter) -> None:
        self._owner = owner
        self._usage_writer = usage_writer
        self._usage_records: dict[str, UsageRecord] = {}
        self._lock = threading.RLock()
        self._conversations: dict[str, Conversation] = {}
        self._stored_nodes: dict[str, _StoredNode] = {}

    def clear(self) -> None:
        """Let go of all that is kept."""
        with self._lock:
            self._conversations.clear()
            self._stored_nodes.clear()
            self._usage_records.clear()

    @property
    def current_conversation_id(self) -> str | None:
        """The id of the chat, None while it has not begun."""
        with self._lock:
            return next(iter(self._conversations), None)

    def conversation(self, owner: str, conversation_id: str) -> Conversation | None:
        with self._lock:
            return self._conversations.get(conversation_id) if owner == self._owner else None

    def nodes(self, owner: str, conversation_id: str) -> list[Node]:
        """All nodes of a conversation, of every branch, oldest first."""
        with self._lock:
            if self.conversation(owner, conversation_id) is None:
                return []
            found = [
                row.node for row in self._stored_nodes.values() if row.conversation_id == conversation_id
            ]
        return sorted(found, key=lambda node: (node.created_at, node.id))

    def node(self, owner: str, node_id: str) -> Node | None:
        with self._lock:
            row = self._stored_nodes.get(node_id) if owner == self._owner else None
        return row.node if row else None

    def save_turn(self, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
        """Keep new nodes and the conversation as it now is, which may be new."""
        if owner != self._owner:
            return
        with self._lock:
            self._conversations.setdefault(
                conversation.id, replace(conversation, created_at=conversation.updated_at)
            )
            self._update_conversation(
                owner,
                conversation.id,
                head_id=conversation.head_id,
                target=conversation.target,
                params=conversation.params,
                updated_at=conversation.updated_at,
            )
            for node in new_nodes:
                self._stored_nodes[node.id] = _StoredNode(conversation.id, node, time.monotonic())

    def reopen_answer(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Keep that an answer is arriving again, and the conversation as it now is."""
        with self._lock:
            self._update_node(
                owner, node, outcome=node.outcome, failure=None, usage_record_id=node.usage_record_id
            )
            self._update_conversation(
                owner,
                conversation.id,
                head_id=conversation.head_id,
                params=conversation.params,
                updated_at=conversation.updated_at,
            )

    def add_node(self, owner: str, conversation_id: str, node: Node) -> None:
        """Keep one more node of a conversation, where that is (still) there."""
        with self._lock:
            if self.conversation(owner, conversation_id):
                self._stored_nodes.setdefault(node.id, _StoredNode(conversation_id, node, time.monotonic()))

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Make the branch that ends in this node the one that is shown."""
        self._update_conversation(owner, conversation_id, head_id=head_id)

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Keep what has come of an arriving answer; returns the row's outcome, None where the row is gone."""
        with self._lock:
            known = self.node(owner, node.id)
            if known and known.arriving:
                self._update_node(owner, node)
            return known.outcome if known else None

    def finish(self, owner: str, node: Node, usage_records: Sequence[UsageRecord] = ()) -> None:
        """Keep an answer as it ended, and count what its requests took. Raises StoreError."""
        self._update_node(owner, node, outcome=node.outcome, request_id=node.request_id, failure=node.failure)
        self.record_usage(owner, *usage_records)

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark an answer as stopped if it is still arriving."""
        with self._lock:
            known = self.node(owner, node_id)
            if known and known.arriving:
                self._update_node(owner, known, outcome=Outcome.STOPPED)

    def mark_stale(self, stale_after: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted; returns how many."""
        with self._lock:
            lost = [
                row.node
                for row in self._stored_nodes.values()
                if row.node.arriving and row.last_checkpoint_at < time.monotonic() - stale_after
            ]
            for node in lost:
                self._update_node(self._owner, node, outcome=Outcome.INTERRUPTED)
        return len(lost)

    def set_params(self, owner: str, conversation_id: str, params: Params) -> None:
        self._update_conversation(owner, conversation_id, params=params)

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        self._update_conversation(owner, conversation_id, truncation=truncation)

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        """Give the chat a model's title, where its own is still the question's."""
        with self._lock:
            known = self.conversation(owner, conversation_id)
            if known and known.title_source == "question":
                self._update_conversation(owner, conversation_id, title=title, title_source="model")

    def record_usage(self, owner: str, *usage_records: UsageRecord) -> None:
        """Count what one question took, with nothing that leads back to the chat. Raises StoreError."""
        if not usage_records:
            return
        bare = [replace(spend, conversation=None, node=None, request_id="") for spend in usage_records]
        self._usage_writer.record_usage(owner, *bare)
        with self._lock:
            for spend in usage_records:
                if spend.conversation and self.conversation(owner, spend.conversation):
                    self._usage_records[spend.id] = spend

    def usage_by_answer(self, owner: str, conversation_id: str) -> dict[str, UsageTotal]:
        """What each answer took, by its id; "" is what was for no answer."""
        found: dict[str, UsageTotal] = {}
        with self._lock:
            mine = list(self._usage_records.values()) if self.conversation(owner, conversation_id) else []
        for spend in mine:
            name = spend.node or ""
            found[name] = found.get(name, UsageTotal()) + to_usage_total(spend)
        return found

    def set_nodes_deleted(
        self, owner: str, conversation_id: str, node_ids: Iterable[str], deleted_at: float | None
    ) -> None:
        """Mark nodes as deleted at a time, or bring them back."""
        with self._lock:
            for id_ in node_ids:
                row = self._stored_nodes.get(id_)
                if row and row.conversation_id == conversation_id and owner == self._owner:
                    self._stored_nodes[id_] = replace(row, node=replace(row.node, deleted_at=deleted_at))
            self._update_conversation(owner, conversation_id)

    def _update_conversation(self, owner: str, conversation_id: str, **values: Any) -> None:
        with self._lock:
            if known := self.conversation(owner, conversation_id):
                self._conversations[conversation_id] = replace(known, revision=known.revision + 1, **values)

    def _update_node(self, owner: str, node: Node, **values: Any) -> None:
        """What changes of a node while it comes, and its sign of life."""
        with self._lock:
            row = self._stored_nodes.get(node.id)
            if row and owner == self._owner:
                grown = replace(
                    row.node,
                    message=node.message,
                    usage=node.usage,
                    timing=node.timing,
                    finish_reason=node.finish_reason,
                    provider_metadata=node.provider_metadata,
                    **values,
                )
                self._stored_nodes[node.id] = _StoredNode(row.conversation_id, grown, time.monotonic())
