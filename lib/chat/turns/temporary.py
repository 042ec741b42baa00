"""Temporary chats: one conversation in the memory of a session, never in the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Self

from lib.chat.turns.ports import UsageWriter
from lib.chat.turns.temporary_exchanges import TemporaryExchanges
from lib.chat.turns.temporary_files import TemporaryFiles
from lib.chat.turns.temporary_queue import TemporaryQueue
from lib.core.checkpoints import Arrival, ArrivalState, Checkpoint, measure_parts
from lib.core.conversation import Conversation, Feedback, Node, Outcome, Truncation
from lib.core.errors import DuplicateSubmission
from lib.core.exchanges import Exchange
from lib.core.params import Params
from lib.core.projects import Project
from lib.core.prompts import Persona
from lib.core.question_queue import QueuedQuestion
from lib.core.quota import RunningLimit
from lib.core.usage import UsageRecord, UsageTotal, to_usage_total


class NoProjects:
    """The folders of a temporary chat: it is in none."""

    def get(self, _owner: str, _name: str) -> Project | None:
        return None


class TemporaryStore:
    """Store of one user's temporary chat. Any thread may call any method.

    It implements the parts of `Store` that a chat needs; one object is the aggregate of conversations, messages and
    usage, `queue` that of queued questions, `attachments` that of files, and `exchanges` that of recorded requests. Its
    content ends with `clear`, or with the session: a running answer then misses its row at the next checkpoint, and
    stops. Usage goes on to `usage_writer` without a reference to the chat.
    """

    def __init__(self, owner: str, usage_writer: UsageWriter) -> None:
        self._owner = owner
        self._usage_writer = usage_writer
        self._lock = threading.RLock()
        self.projects = NoProjects()
        self.attachments = TemporaryFiles(self._lock, owner)
        self.exchanges = TemporaryExchanges(self._lock, owner, self.node)
        self.queue = TemporaryQueue(
            self._lock,
            lambda owner, conversation_id: self.get(owner, conversation_id) is not None,
            lambda: any(node.arriving and node.deleted_at is None for node in self._nodes.values()),
            self._claim_submission,
            self.attachments.ensure_stored,
        )
        self.clear()

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
            self._conversation: Conversation | None = None
            self._nodes: dict[str, Node] = {}
            self._heartbeats: dict[str, float] = {}  # by node id, by the monotonic clock
            self._usage_records: dict[str, UsageRecord] = {}
            self._idempotency_keys: set[str] = set()
            self.queue.clear()
            self.attachments.clear()
            self.exchanges.clear()

    @property
    def current_conversation_id(self) -> str | None:
        """The id of the chat; None before its first turn."""
        with self._lock:
            return self._conversation.id if self._conversation else None

    # Conversations.

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        with self._lock:
            conversation = self._conversation if owner == self._owner else None
            return conversation if conversation and conversation.id == conversation_id else None

    def set_params(self, owner: str, conversation_id: str, params: Params) -> None:
        self._update_conversation(owner, conversation_id, params=params)

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        self._update_conversation(owner, conversation_id, truncation=truncation)

    def set_persona(self, owner: str, conversation_id: str, persona: Persona | None) -> None:
        self._update_conversation(owner, conversation_id, persona=persona)

    # Messages.

    def nodes(self, owner: str, conversation_id: str) -> list[Node]:
        """Return all nodes of the chat, of every branch, oldest first."""
        with self._lock:
            nodes = list(self._nodes.values()) if self.get(owner, conversation_id) else []
        return sorted(nodes, key=lambda node: (node.created_at, node.id))

    def node(self, owner: str, node_id: str) -> Node | None:
        with self._lock:
            return self._nodes.get(node_id) if owner == self._owner else None

    def find_submission(self, owner: str, idempotency_key: str) -> str | None:
        with self._lock:
            is_stored = owner == self._owner and idempotency_key in self._idempotency_keys
            return self.current_conversation_id if is_stored else None

    def save_turn(
        self,
        owner: str,
        conversation: Conversation,
        new_nodes: Sequence[Node],
        idempotency_key: str = "",
        queued: QueuedQuestion | None = None,
        running_limit: RunningLimit | None = None,
        *,
        allow_missing_files: bool = False,
    ) -> None:
        if owner != self._owner:
            return
        with self._lock:
            if not allow_missing_files:
                self.attachments.ensure_stored(part for node in new_nodes for part in node.message.files)
            self._claim_submission(owner, idempotency_key)
            if queued:
                self.queue.claim(queued)
            self._conversation = self._conversation or replace(conversation, created_at=conversation.updated_at)
            self._update_turn(owner, conversation)
            for node in new_nodes:
                self.add(owner, conversation.id, node)

    def _claim_submission(self, owner: str, idempotency_key: str) -> None:
        if stored_in := self.find_submission(owner, idempotency_key):
            raise DuplicateSubmission(stored_in)
        self._idempotency_keys |= {idempotency_key} - {""}

    def reopen(
        self, owner: str, conversation: Conversation, node: Node, running_limit: RunningLimit | None = None
    ) -> None:
        with self._lock:
            self._update_node(owner, node, outcome=node.outcome, failure=None, usage_record_id=node.usage_record_id)
            self._update_turn(owner, conversation)

    def add(self, owner: str, conversation_id: str, node: Node) -> None:
        with self._lock:
            if self.get(owner, conversation_id):
                self._nodes.setdefault(node.id, node)
                self._heartbeats.setdefault(node.id, time.monotonic())

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        self._update_conversation(owner, conversation_id, head_id=head_id)

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> list[Outcome | None]:
        with self._lock:
            return [self._save_checkpoint(checkpoint) for checkpoint in checkpoints]

    def _save_checkpoint(self, checkpoint: Checkpoint) -> Outcome | None:
        node = checkpoint.node
        stored = self.node(checkpoint.owner, node.id)
        if stored and stored.arriving and checkpoint.is_heartbeat:
            self._heartbeats[node.id] = time.monotonic()
        elif stored and stored.arriving:
            self._update_node(checkpoint.owner, node)
        return stored.outcome if stored else None

    def arrival(self, owner: str, node_id: str, state: ArrivalState | None = None) -> Arrival | None:
        if not (node := self.node(owner, node_id)):
            return None
        now = ArrivalState(node.outcome, node.usage_record_id, measure_parts(node.message.parts))
        return Arrival(now, node=None if now == state else node)

    def finish(
        self,
        owner: str,
        node: Node,
        usage_records: Sequence[UsageRecord] = (),
        exchange: Exchange | None = None,
    ) -> None:
        """Save a finished answer and its exchange, and record its usage. Raises StoreError."""
        with self._lock:
            if exchange:
                self.exchanges.save(owner, exchange)
            self._update_node(owner, node, outcome=node.outcome, request_id=node.request_id, failure=node.failure)
            if (node.usage_record_id or node.is_replay) and self.node(owner, node.id):  # not a further alternative
                self.queue.end_answer(node.outcome, node)
        self.record(owner, *usage_records)

    def mark_stopped(self, owner: str, node_id: str) -> None:
        with self._lock:
            stored = self.node(owner, node_id)
            if stored and stored.arriving:
                self._update_node(owner, stored, outcome=Outcome.STOPPED)
                self.queue.end_answer(Outcome.STOPPED, stored)

    def mark_stale(self, stale_after: float, produced_ids: Collection[str] = ()) -> int:
        with self._lock:
            deadline = time.monotonic() - stale_after
            unproduced = [node for node in self._nodes.values() if node.arriving and node.id not in produced_ids]
            stale = [node for node in unproduced if self._heartbeats[node.id] < deadline]
            for node in stale:
                self._update_node(self._owner, node, outcome=Outcome.INTERRUPTED)
                self.queue.end_answer(Outcome.INTERRUPTED, node)
        return len(stale)

    def set_deleted(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None) -> None:
        with self._lock:
            if self.get(owner, conversation_id):
                deleted = [self._nodes[node_id] for node_id in node_ids if node_id in self._nodes]
                self._nodes |= {node.id: replace(node, deleted_at=deleted_at) for node in deleted}
                self._update_conversation(owner, conversation_id)

    def set_feedback(self, owner: str, node_id: str, feedback: Feedback | None) -> None:
        with self._lock:
            if (node := self.node(owner, node_id)) and self._conversation:
                self._nodes[node_id] = replace(node, feedback=feedback)
                self._update_conversation(owner, self._conversation.id)

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

    def _update_turn(self, owner: str, conversation: Conversation) -> None:
        """Copy the fields of the conversation that a turn changes."""
        self._update_conversation(
            owner,
            conversation.id,
            head_id=conversation.head_id,
            target=conversation.target,
            params=conversation.params,
            updated_at=conversation.updated_at,
        )

    def _update_conversation(self, owner: str, conversation_id: str, **fields: Any) -> None:
        with self._lock:
            if conversation := self.get(owner, conversation_id):
                self._conversation = replace(conversation, revision=conversation.revision + 1, **fields)

    def _update_node(self, owner: str, node: Node, **fields: Any) -> None:
        """Copy the fields that change while an answer arrives, set others, and renew the heartbeat."""
        with self._lock:
            if stored := self.node(owner, node.id):
                self._nodes[node.id] = replace(
                    stored,
                    message=node.message,
                    usage=node.usage,
                    timing=node.timing,
                    finish_reason=node.finish_reason,
                    provider_metadata=node.provider_metadata,
                    **fields,
                )
                self._heartbeats[node.id] = time.monotonic()
