"""Nodes of conversations: turns, growing answers with their heartbeat, soft delete."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from lib.core.checkpoints import Arrival, ArrivalState, Checkpoint
from lib.core.conversation import Conversation, Feedback, Message, Node, Outcome
from lib.core.errors import StoreError, TooManyAnswers
from lib.core.exchanges import Exchange
from lib.core.question_queue import QueuedQuestion
from lib.core.quota import RunningLimit
from lib.core.tree import find_undeleted_ancestor, sort_nodes
from lib.core.usage import FeedbackCount, UsageRecord
from lib.storage.arrivals import load_arrival
from lib.storage.checkpoints import (
    is_arriving,
    is_request_of,
    load_with_changes,
    merge_changes,
    remove_changes,
    save_all,
    select_left_changes,
    stream_columns,
)
from lib.storage.database.clock import DatabaseClock
from lib.storage.database.engine import Aggregate, insert
from lib.storage.exchange_rows import encode_for_answer
from lib.storage.exchanges import insert_exchange
from lib.storage.files.uses import encode_files, ensure_stored, link_message
from lib.storage.queue import claim_question, pause_after_answers
from lib.storage.rows import (
    batches,
    conversation_to_row,
    failure_to_row,
    feedback_to_row,
    in_owned_conversation,
    message_from_row,
    node_to_row,
    owned,
    touch_conversation,
)
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes
from lib.storage.schema.tables import passage as passages
from lib.storage.search.tokens import encode_passages
from lib.storage.submissions import claim_submission, find_submission
from lib.storage.usage import insert_lost_usage, insert_usage

# Columns of a conversation that a new turn changes.
_TURN_COLUMNS = ("head", "model", "wire", "params", "updated")


class Messages(Aggregate):
    """The message trees of conversations; every query is scoped to the conversation's owner."""

    def nodes(self, owner: str, conversation_id: str) -> list[Node]:
        """Return all nodes of a conversation, of every branch and soft-deleted ones too, oldest first."""
        with self._read() as connection:
            return load_nodes(connection, owner, conversation_id)

    def node(self, owner: str, node_id: str) -> Node | None:
        with self._read() as connection:
            query = sa.select(nodes).where(nodes.c.id == node_id, in_owned_conversation(owner))
            found = load_with_changes(connection, connection.execute(query).all())
        return found[0] if found else None

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
        """Insert new nodes and upsert their conversation in one transaction, in which `queued` leaves its queue.

        Raises StoreError when a node's parent is neither new nor in the conversation, DuplicateSubmission when
        the owner has saved a turn with this key, in any process, QuestionNotQueued when the question is not in its
        queue, or not with this text, TooManyAnswers when as many answers of the owner as `running_limit` arrive, and
        AttachmentNotFound when a file of a node is not stored for the owner, unless `allow_missing_files` is set.
        """
        with self._write(owner) as connection:
            ensure_running_limit(connection, owner, running_limit)
            if not allow_missing_files:
                ensure_stored(connection, owner, [part for node in new_nodes for part in node.message.files])
            if queued:
                claim_question(connection, owner, queued)
            claim_submission(connection, owner, idempotency_key, conversation.id)
            insert_turn(connection, owner, conversation, new_nodes)

    def find_submission(self, owner: str, idempotency_key: str) -> str | None:
        """Return the conversation that a question with this key was saved in; None without one."""
        with self._read() as connection:
            return find_submission(connection, owner, idempotency_key)

    def reopen(
        self, owner: str, conversation: Conversation, node: Node, running_limit: RunningLimit | None = None
    ) -> None:
        """Mark a finished answer as arriving again, and update its conversation. Raises TooManyAnswers."""
        columns = stream_columns(node) | {
            "outcome": node.outcome,
            "failure": None,
            "request": node.usage_record_id,
        }
        where = (nodes.c.id == node.id) & (nodes.c.conversation == conversation.id)
        where &= in_owned_conversation(owner)
        with self._write(owner) as connection:
            ensure_running_limit(connection, owner, running_limit)
            if connection.execute(sa.update(nodes).where(where).values(columns)).rowcount:
                remove_changes(connection, [node.id])
                row = conversation_to_row(conversation)
                changed = {name: row[name] for name in ("head", "params", "updated")}
                touch_conversation(connection, owner, conversation.id, **changed)

    def add(self, owner: str, conversation_id: str, node: Node) -> None:
        """Insert one node if its conversation and its parent still exist; an existing id is left alone."""
        query = sa.select(conversations.c.id).where(owned(owner, conversation_id))
        if node.parent_id is not None:
            query = query.join(nodes).where(nodes.c.id == node.parent_id)
        with self._write(owner) as connection:
            if connection.scalar(query):
                row = node_to_row(node) | {"conversation": conversation_id, "beat": DatabaseClock()}
                statement = insert(connection, nodes).values(row).on_conflict_do_nothing()
                if connection.scalar(statement.returning(nodes.c.id)):
                    _index_nodes(connection, [node.id])
                    touch_conversation(connection, owner, conversation_id)

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Show the branch that ends in this node; a node of another conversation changes nothing."""
        where = (nodes.c.id == head_id) & (nodes.c.conversation == conversation_id)
        where &= in_owned_conversation(owner)
        with self._write(owner) as connection:
            if head_id is None or connection.scalar(sa.select(nodes.c.id).where(where)):
                touch_conversation(connection, owner, conversation_id, head=head_id)

    def set_deleted(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None) -> None:
        """Soft delete nodes at a time in seconds since 1970, until the purge; None restores them."""
        changed = 0
        with self._write(owner) as connection:
            for batch in batches(node_ids):
                where = (nodes.c.conversation == conversation_id) & nodes.c.id.in_(batch)
                where &= in_owned_conversation(owner)
                update = sa.update(nodes).where(where).values(deleted=deleted_at)
                changed += connection.execute(update).rowcount
            if changed:
                touch_conversation(connection, owner, conversation_id)

    def set_feedback(self, owner: str, node_id: str, feedback: Feedback | None) -> None:
        """Set the owner's feedback on an answer; None removes it."""
        where = (nodes.c.id == node_id) & (nodes.c.role == "assistant") & in_owned_conversation(owner)
        with self._write(owner) as connection:
            update = sa.update(nodes).where(where).values(feedback_to_row(feedback))
            if conversation_id := connection.scalar(update.returning(nodes.c.conversation)):
                touch_conversation(connection, owner, conversation_id)

    def feedback_by_model(self) -> list[FeedbackCount]:
        """Count the feedback of all users by model, the most first, without that on deleted answers.

        Only callers that have checked for an administrator may call it.
        """
        good = sa.func.sum(sa.case((nodes.c.rating == "good", 1), else_=0)).label("good")
        bad = sa.func.sum(sa.case((nodes.c.rating == "bad", 1), else_=0)).label("bad")
        query = (
            sa.select(nodes.c.model, good, bad)
            .join(conversations, conversations.c.id == nodes.c.conversation)
            .where(nodes.c.rating.is_not(None), nodes.c.model.is_not(None))
            .where(nodes.c.deleted.is_(None), conversations.c.deleted.is_(None))
            .group_by(nodes.c.model)
        )
        with self._read() as connection:
            counts = [FeedbackCount(row.model, int(row.good), int(row.bad)) for row in connection.execute(query)]
        return sorted(counts, key=lambda count: (-count.good - count.bad, count.model))

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> list[Outcome | None]:
        """Save arriving answers with their heartbeats, in one transaction.

        Returns the outcomes of their rows, which another process may have set; None when a row is gone or belongs to a
        later request. A row that was taken for one without a producer arrives again.
        """
        with self._write(*{checkpoint.owner for checkpoint in checkpoints}) as connection:
            return save_all(connection, checkpoints)

    def arrival(self, owner: str, node_id: str, state: ArrivalState | None = None) -> Arrival | None:
        """Return what is new of an answer since a state, all of it without one; None as `node`."""
        with self._read() as connection:
            return load_arrival(connection, owner, node_id, state)

    def finish(
        self,
        owner: str,
        node: Node,
        usage_records: Sequence[UsageRecord] = (),
        exchange: Exchange | None = None,
    ) -> None:
        """Save a finished answer with its usage and its exchange, whatever outcome the row has, and mark it unread.

        A row that belongs to a later request stays as it is, and the exchange is dropped.
        """
        columns = stream_columns(node) | {
            "outcome": node.outcome,
            "request_id": node.request_id,
            "failure": failure_to_row(node.failure),
        }
        where = is_request_of(owner, node)
        exchange_row = encode_for_answer(owner, exchange) if exchange else None
        with self._write(owner) as connection:
            if connection.execute(sa.update(nodes).where(where).values(columns)).rowcount:
                remove_changes(connection, [node.id])
                _publish(connection, [node.id])
                if exchange_row:
                    insert_exchange(connection, exchange_row)
                if node.usage_record_id or node.is_replay:  # not a further alternative
                    pause_after_answers(connection, [node.id], node.outcome)
            insert_usage(connection, owner, usage_records)

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark an arriving answer as stopped; its producer reads that at its next checkpoint."""
        where = (nodes.c.id == node_id) & is_arriving & in_owned_conversation(owner)
        with self._write(owner) as connection:
            if connection.execute(sa.update(nodes).where(where).values(outcome=Outcome.STOPPED)).rowcount:
                merge_changes(connection, [node_id])
                _index_nodes(connection, [node_id])
                pause_after_answers(connection, [node_id], Outcome.STOPPED)
                # The producer may be dead; if it is alive, it completes this record.
                insert_lost_usage(connection, [node_id])

    def mark_stale(self, stale_after: float, produced_ids: Collection[str] = ()) -> int:
        """Mark answers without a heartbeat for `stale_after` seconds as interrupted; returns the count.

        `produced_ids` are those that this process produces: they are alive, whatever their heartbeat.
        """
        stale = is_arriving & (nodes.c.beat < DatabaseClock() - stale_after) & nodes.c.id.not_in(produced_ids)
        with self._read() as connection:
            # Reading first avoids the lock that keeps out every other writer.
            if not connection.scalar(sa.select(sa.exists().where(stale) | select_left_changes().exists())):
                return 0
        with self._write() as connection:
            left_ids = connection.scalars(select_left_changes()).all()
            merge_changes(connection, left_ids)
            _index_nodes(connection, left_ids)
            stale_ids = connection.scalars(sa.select(nodes.c.id).where(stale).with_for_update()).all()
            for batch in batches(stale_ids):
                interrupted = sa.update(nodes).where(nodes.c.id.in_(batch))
                connection.execute(interrupted.values(outcome=Outcome.INTERRUPTED))
                merge_changes(connection, batch)
                insert_lost_usage(connection, batch)
                _publish(connection, batch)
            pause_after_answers(connection, stale_ids, Outcome.INTERRUPTED)
        return len(stale_ids)


def load_nodes(connection: sa.Connection, owner: str, conversation_id: str) -> list[Node]:
    """Return all nodes of a conversation, oldest first."""
    query = sa.select(nodes).where(nodes.c.conversation == conversation_id, in_owned_conversation(owner))
    return load_with_changes(connection, connection.execute(query.order_by(nodes.c.created, nodes.c.id)).all())


def ensure_running_limit(connection: sa.Connection, owner: str, limit: RunningLimit | None, new_count: int = 1) -> None:
    """Raise TooManyAnswers if `new_count` more pass the limit.

    The transaction keeps out other writers of the owner, so that no two of them pass it together.
    """
    if limit is None:
        return
    # Further alternatives of a request have no usage record.
    query = sa.select(sa.func.count()).where(is_arriving, nodes.c.request != "", in_owned_conversation(owner))
    running = connection.scalar(query.where(nodes.c.beat >= DatabaseClock() - limit.stale_after))
    if (running or 0) + new_count > limit.count:
        raise TooManyAnswers


def insert_turn(connection: sa.Connection, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
    """Upsert a conversation and insert its new nodes, given in any order.

    Raises StoreError when a node's parent is neither new nor in the conversation.
    """
    row = conversation_to_row(conversation)
    statement = insert(connection, conversations).values(owner=owner, **row).on_conflict_do_nothing()
    # Drivers disagree on the row count of an insert, but not on what it returns.
    if not connection.scalar(statement.returning(conversations.c.id)):
        if not connection.scalar(sa.select(conversations.c.id).where(owned(owner, conversation.id))):
            return
        touch_conversation(connection, owner, conversation.id, **{name: row[name] for name in _TURN_COLUMNS})
    _check_parents(connection, conversation.id, new_nodes)
    ordered = sort_nodes(new_nodes)
    if len(ordered) != len(new_nodes):
        raise StoreError("Nodes form a cycle, or have the same id.")
    rows = [node_to_row(node) | {"conversation": conversation.id} for node in ordered]
    if rows:
        connection.execute(sa.insert(nodes).values(beat=DatabaseClock()), rows)
        _index_nodes(connection, [node.id for node in new_nodes])


def purge_nodes(connection: sa.Connection, deleted_before: float) -> None:
    """Remove nodes soft deleted before a time; their children move to the nearest ancestor that is left."""
    expired = nodes.c.deleted < deleted_before
    query = sa.select(nodes.c.conversation).where(expired).distinct()
    for conversation_id in connection.scalars(query).all():
        _purge_nodes_of(connection, conversation_id, expired)


def _purge_nodes_of(connection: sa.Connection, conversation_id: str, expired: sa.ColumnElement[bool]) -> None:
    # Locked for databases with several writers: no expired node becomes a parent meanwhile.
    query = sa.select(nodes.c.id, nodes.c.parent, expired.label("expired"))
    query = query.where(nodes.c.conversation == conversation_id).with_for_update()
    rows = connection.execute(query).all()
    parents = {row.id: row.parent for row in rows}
    expired_ids = {row.id for row in rows if row.expired}
    for row in rows:
        if row.parent in expired_ids and row.id not in expired_ids:
            parent = find_undeleted_ancestor(parents, expired_ids, row.parent)
            connection.execute(sa.update(nodes).where(nodes.c.id == row.id).values(parent=parent))
    is_conversation = conversations.c.id == conversation_id
    head = connection.scalar(sa.select(conversations.c.head).where(is_conversation))
    columns = {
        "head": find_undeleted_ancestor(parents, expired_ids, head),
        "rev": conversations.c.rev + 1,
    }
    connection.execute(sa.update(conversations).where(is_conversation).values(columns))
    for batch in batches(list(expired_ids)):
        connection.execute(sa.delete(nodes).where(nodes.c.id.in_(batch)))


def _index_nodes(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Replace the passages of these messages, and link their files, except those that are still arriving."""
    for batch in batches(ids):
        query = sa.select(nodes.c.id, nodes.c.role, nodes.c.parts, conversations.c.owner)
        query = query.join(conversations, conversations.c.id == nodes.c.conversation)
        rows = connection.execute(query.where(nodes.c.id.in_(batch), nodes.c.outcome != Outcome.ARRIVING)).all()
        connection.execute(sa.delete(passages).where(passages.c.node.in_([row.id for row in rows])))
        new_passages = [
            {"node": row.id, "n": number, "tokens": tokens}
            for row in rows
            for number, tokens in enumerate(
                _index_message(connection, row.owner, row.id, message_from_row(row.role, row.parts))
            )
        ]
        if new_passages:
            connection.execute(sa.insert(passages), new_passages)


def _index_message(connection: sa.Connection, owner: str, node_id: str, message: Message) -> Iterator[str]:
    """Yield the passages of a message and of its files, which are linked."""
    yield from encode_passages(message.text)
    if message.files:
        link_message(connection, owner, node_id, message)
        yield from encode_files(connection, owner, message.files)


def _publish(connection: sa.Connection, finished_ids: Sequence[str]) -> None:
    """Index finished answers for search, and mark their conversations as unread."""
    _index_nodes(connection, finished_ids)
    conversation_ids = sa.select(nodes.c.conversation).where(nodes.c.id.in_(finished_ids))
    connection.execute(sa.update(conversations).where(conversations.c.id.in_(conversation_ids)).values(unread=True))


def _check_parents(connection: sa.Connection, conversation_id: str, new_nodes: Sequence[Node]) -> None:
    new_ids = {node.id for node in new_nodes}
    parent_ids = [node.parent_id for node in new_nodes if node.parent_id is not None]
    outside = [parent_id for parent_id in parent_ids if parent_id not in new_ids]
    for batch in batches(outside):
        where = (nodes.c.conversation == conversation_id) & nodes.c.id.in_(batch)
        if connection.scalar(sa.select(sa.func.count()).select_from(nodes).where(where)) != len(batch):
            raise StoreError("A node's parent is not in its conversation.")
