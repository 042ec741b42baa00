"""Temporary chats: one conversation in the memory of a session, never in the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from lib.chat.turns.ports import UsageWriter
from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.usage import UsageRecord, UsageTotal, to_usage_total


@dataclass(frozen=True)
class _StoredNode:
    conversation_id: str
    node: Node
    heartbeat_at: float  # by the monotonic clock


class TemporaryStore:
    """Store of one user's temporary chat. Any thread may call any method.

    It implements the parts of `Store` that a chat needs; one object is the aggregate of conversations,
    messages and usage. Its content ends with `clear`, or with the session: a running answer then misses its
    row at the next checkpoint, and stops. Usage goes on to `usage_writer` without a reference to the chat.
    """

    def __init__(self, owner: str, usage_writer: UsageWriter) -> None:
        self._owner = owner
        self._usage_writer = usage_writer
        self._usage_records: dict[str, UsageRecord] = {}
        self._lock = threading.RLock()
        self._conversations: dict[str, Conversation] = {}
        self._stored_nodes: dict[str, _StoredNode] = {}

    @property
    def conversations(self) -> Self:
        return self

    @property
    def messages(self) -> Self:
        return self

    @property
    def usage(self) -> Self:
        return self

    def clear(self) -> None:
        with self._lock:
            self._conversations.clear()
            self._stored_nodes.clear()
            self._usage_records.clear()

    @property
    def current_conversation_id(self) -> str | None:
        """The id of the chat; None before its first turn."""
        with self._lock:
            return next(iter(self._conversations), None)

    # Conversations.

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        with self._lock:
            return self._conversations.get(conversation_id) if owner == self._owner else None

    def set_params(self, owner: str, conversation_id: str, params: Params) -> None:
        self._update_conversation(owner, conversation_id, params=params)

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        self._update_conversation(owner, conversation_id, truncation=truncation)

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        with self._lock:
            conversation = self.get(owner, conversation_id)
            if conversation and conversation.title_source == "question":
                self._update_conversation(owner, conversation_id, title=title, title_source="model")

    # Messages.

    def nodes(self, owner: str, conversation_id: str) -> list[Node]:
        """Return all nodes of the chat, of every branch, oldest first."""
        with self._lock:
            if self.get(owner, conversation_id) is None:
                return []
            stored = list(self._stored_nodes.values())
        nodes = [entry.node for entry in stored if entry.conversation_id == conversation_id]
        return sorted(nodes, key=lambda node: (node.created_at, node.id))

    def node(self, owner: str, node_id: str) -> Node | None:
        with self._lock:
            stored = self._stored_nodes.get(node_id) if owner == self._owner else None
        return stored.node if stored else None

    def save_turn(self, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
        if owner != self._owner:
            return
        with self._lock:
            self._conversations.setdefault(conversation.id, replace(conversation, created_at=conversation.updated_at))
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

    def reopen(self, owner: str, conversation: Conversation, node: Node) -> None:
        with self._lock:
            self._update_node(owner, node, outcome=node.outcome, failure=None, usage_record_id=node.usage_record_id)
            self._update_conversation(
                owner,
                conversation.id,
                head_id=conversation.head_id,
                params=conversation.params,
                updated_at=conversation.updated_at,
            )

    def add(self, owner: str, conversation_id: str, node: Node) -> None:
        with self._lock:
            if self.get(owner, conversation_id):
                self._stored_nodes.setdefault(node.id, _StoredNode(conversation_id, node, time.monotonic()))

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        self._update_conversation(owner, conversation_id, head_id=head_id)

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        with self._lock:
            stored = self.node(owner, node.id)
            if stored and stored.arriving:
                self._update_node(owner, node)
            return stored.outcome if stored else None

    def finish(self, owner: str, node: Node, usage_records: Sequence[UsageRecord] = ()) -> None:
        """Save a finished answer, and record its usage. Raises StoreError."""
        self._update_node(owner, node, outcome=node.outcome, request_id=node.request_id, failure=node.failure)
        self.record(owner, *usage_records)

    def mark_stopped(self, owner: str, node_id: str) -> None:
        with self._lock:
            stored = self.node(owner, node_id)
            if stored and stored.arriving:
                self._update_node(owner, stored, outcome=Outcome.STOPPED)

    def mark_stale(self, stale_after: float) -> int:
        with self._lock:
            deadline = time.monotonic() - stale_after
            stale = [
                stored.node
                for stored in self._stored_nodes.values()
                if stored.node.arriving and stored.heartbeat_at < deadline
            ]
            for node in stale:
                self._update_node(self._owner, node, outcome=Outcome.INTERRUPTED)
        return len(stale)

    def soft_delete(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float) -> None:
        self._set_deleted(owner, conversation_id, node_ids, deleted_at)

    def restore(self, owner: str, conversation_id: str, node_ids: Sequence[str]) -> None:
        self._set_deleted(owner, conversation_id, node_ids, None)

    # Usage.

    def record(self, owner: str, *usage_records: UsageRecord) -> None:
        """Record the usage of one question without a reference to the chat. Raises StoreError."""
        if not usage_records:
            return
        unlinked = [replace(record, conversation_id=None, node_id=None, request_id="") for record in usage_records]
        self._usage_writer.record(owner, *unlinked)
        with self._lock:
            for record in usage_records:
                if record.conversation_id and self.get(owner, record.conversation_id):
                    self._usage_records[record.id] = record

    def totals_by_answer(self, owner: str, conversation_id: str) -> dict[str, UsageTotal]:
        """Return the usage of each answer by node id; "" for requests without an answer."""
        totals: dict[str, UsageTotal] = {}
        with self._lock:
            records = list(self._usage_records.values()) if self.get(owner, conversation_id) else []
        for record in records:
            node_id = record.node_id or ""
            totals[node_id] = totals.get(node_id, UsageTotal()) + to_usage_total(record)
        return totals

    def _set_deleted(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None) -> None:
        with self._lock:
            for node_id in node_ids:
                stored = self._stored_nodes.get(node_id)
                if stored and stored.conversation_id == conversation_id and owner == self._owner:
                    node = replace(stored.node, deleted_at=deleted_at)
                    self._stored_nodes[node_id] = replace(stored, node=node)
            self._update_conversation(owner, conversation_id)

    def _update_conversation(self, owner: str, conversation_id: str, **fields: Any) -> None:
        with self._lock:
            if conversation := self.get(owner, conversation_id):
                revision = conversation.revision + 1
                self._conversations[conversation_id] = replace(conversation, revision=revision, **fields)

    def _update_node(self, owner: str, node: Node, **fields: Any) -> None:
        """Copy the fields that change while an answer arrives, set others, and renew the heartbeat."""
        with self._lock:
            stored = self._stored_nodes.get(node.id)
            if stored and owner == self._owner:
                updated = replace(
                    stored.node,
                    message=node.message,
                    usage=node.usage,
                    timing=node.timing,
                    finish_reason=node.finish_reason,
                    provider_metadata=node.provider_metadata,
                    **fields,
                )
                self._stored_nodes[node.id] = _StoredNode(stored.conversation_id, updated, time.monotonic())
