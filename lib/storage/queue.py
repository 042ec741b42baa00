"""Queued questions: they wait in their conversation for the end of an answer, and leave with their turn."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Outcome
from lib.core.errors import QuestionNotQueued, QueueFull
from lib.core.params import load_params
from lib.core.question_queue import (
    HANDOVER,
    MAX_QUEUED,
    RESTORED,
    Pause,
    QuestionQueue,
    QueuedQuestion,
    build_queue,
    is_made_good,
    pause_after_answer,
    replaced_reasons,
)
from lib.core.target import parse_target
from lib.storage.database.engine import Aggregate
from lib.storage.files.attachments import touch_files
from lib.storage.files.uses import link_queued
from lib.storage.rows import batches, message_from_row, owned, part_to_row, target_to_row
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes
from lib.storage.schema.tables import queued_question as queued
from lib.storage.submissions import claim_submission

_IN_ORDER = (queued.c.position, queued.c.created, queued.c.id)


class Queue(Aggregate):
    """The queued questions of conversations; every query is scoped to the conversation's owner."""

    def load(self, owner: str, conversation_id: str) -> QuestionQueue:
        """Return the questions that wait in a conversation, the next one first."""
        with self._read() as connection:
            rows = _load_rows(connection, owner, conversation_id)
        questions = tuple(question for row in rows if (question := _question_from_row(row)))
        if not rows or not questions:
            return QuestionQueue()
        return build_queue(questions, rows[0].pause, rows[0].pause_details, time.time() - rows[0].paused)

    def add(self, owner: str, question: QueuedQuestion, idempotency_key: str = "") -> bool:
        """Append a question and return True, if an answer is arriving in its conversation.

        Raises DuplicateSubmission, QueueFull and AttachmentNotFound.
        """
        with self._write(owner) as connection:
            if not _has_arriving_answer(connection, owner, question.conversation_id):
                return False
            rows = _load_rows(connection, owner, question.conversation_id)
            if len(rows) >= MAX_QUEUED:
                raise QueueFull
            claim_submission(connection, owner, idempotency_key, question.conversation_id)
            _insert(connection, owner, question, rows[-1].position + 1 if rows else 0, _pause_of(rows))
        return True

    def restore(self, owner: str, question: QueuedQuestion, index: int) -> None:
        """Insert a removed question at its former index, unless its conversation is gone."""
        conversation_id = question.conversation_id
        with self._write(owner) as connection:
            if not connection.scalar(sa.select(conversations.c.id).where(owned(owner, conversation_id))):
                return
            rows = _load_rows(connection, owner, conversation_id)
            if any(row.id == question.id for row in rows):
                return
            is_awaited = bool(rows) or _has_arriving_answer(connection, owner, conversation_id)
            pause = _pause_of(rows) if is_awaited else _pause_columns(RESTORED)
            _insert(connection, owner, question, len(rows), pause)
            _set_order(connection, [row.id for row in rows[:index]] + [question.id] + [row.id for row in rows[index:]])

    def edit(self, owner: str, question: QueuedQuestion, text: str) -> None:
        """Change the text of a question. Raises QuestionNotQueued, also if it was changed meanwhile."""
        with self._write(owner) as connection:
            where = _is_question(owner, question) & (queued.c.text == question.text)
            if not connection.execute(sa.update(queued).where(where).values(text=text)).rowcount:
                raise QuestionNotQueued

    def move(self, owner: str, question: QueuedQuestion, step: int) -> None:
        """Move a question by `step` places, at most to the end of its queue."""
        with self._write(owner) as connection:
            ids = [row.id for row in _load_rows(connection, owner, question.conversation_id)]
            if question.id in ids:
                index = ids.index(question.id)
                ids.insert(max(0, index + step), ids.pop(index))
                _set_order(connection, ids)

    def remove(self, owner: str, question: QueuedQuestion) -> None:
        with self._write(owner) as connection:
            # For `restore`.
            touch_files(connection, owner, [part.digest for part in question.files])
            connection.execute(sa.delete(queued).where(_is_question(owner, question)))

    def pause(self, owner: str, conversation_id: str, pause: Pause) -> None:
        """Pause a queue, unless it is paused for a reason that the user has to know about."""
        with self._write(owner) as connection:
            pause_queues(connection, _is_in_conversation(owner, conversation_id), pause.reason, pause.details)

    def resume(self, owner: str, conversation_id: str, reason: str = "") -> bool:
        """End a pause, or only one with this reason; returns True if the caller has to send the next question.

        While an answer is arriving, its end does that.
        """
        with self._write(owner) as connection:
            rows = _load_rows(connection, owner, conversation_id)
            if not rows or (reason and rows[0].pause != reason):
                return False
            is_awaited = _has_arriving_answer(connection, owner, conversation_id)
            columns = _pause_columns("" if is_awaited else HANDOVER)
            connection.execute(sa.update(queued).where(queued.c.conversation == conversation_id).values(columns))
        return not is_awaited

    def await_answer(self, owner: str, conversation_id: str) -> bool:
        """Let a queue wait for the end of the arriving answer; returns False without one."""
        with self._write(owner) as connection:
            is_arriving = _has_arriving_answer(connection, owner, conversation_id)
            if is_arriving:
                where = _is_in_conversation(owner, conversation_id) & (queued.c.pause == HANDOVER)
                connection.execute(sa.update(queued).where(where).values(_pause_columns("")))
        return is_arriving


def claim_question(connection: sa.Connection, owner: str, question: QueuedQuestion) -> None:
    """Remove the question that is sent in this transaction; the rest waits for its answer.

    Raises QuestionNotQueued if it was sent, changed or removed meanwhile, or its queue was paused.
    """
    is_unpaused = queued.c.pause.in_(["", HANDOVER])
    where = _is_question(owner, question) & (queued.c.text == question.text) & is_unpaused
    if not connection.execute(sa.delete(queued).where(where)).rowcount:
        raise QuestionNotQueued
    rest = (queued.c.conversation == question.conversation_id) & (queued.c.pause == HANDOVER)
    connection.execute(sa.update(queued).where(rest).values(_pause_columns("")))


def pause_after_answers(connection: sa.Connection, node_ids: Sequence[str], outcome: Outcome) -> None:
    """Pause the queues of conversations in which these answers have ended: a complete one for its handover.

    That ends a pause which an earlier answer to the same question has caused.
    """
    columns = (nodes.c.conversation, nodes.c.parent, nodes.c.request, queued.c.pause, queued.c.pause_details)
    query = sa.select(*columns).join(queued, queued.c.conversation == nodes.c.conversation)
    for batch in batches(node_ids):
        # A row for each queued question, of which all in a conversation have the same pause.
        rows = connection.execute(query.where(nodes.c.id.in_(batch))).all()
        for row in {(row.conversation, row.parent): row for row in rows}.values():
            where, answer = queued.c.conversation == row.conversation, (row.parent, row.request)
            pause = pause_after_answer(outcome, *answer)
            if pause.reason == HANDOVER and is_made_good(row.pause, row.pause_details, *answer):
                connection.execute(sa.update(queued).where(where).values(_pause_columns(HANDOVER)))
            else:
                pause_queues(connection, where, pause.reason, pause.details)


def resume_after_answer(connection: sa.Connection, node_id: str) -> None:
    """End the pause that the end of an answer has caused, because it arrives again.

    It stays where the user has gone on meanwhile.
    """
    columns = (nodes.c.conversation, nodes.c.parent, nodes.c.request, queued.c.pause, queued.c.pause_details)
    query = sa.select(*columns).join(queued, queued.c.conversation == nodes.c.conversation)
    query = query.join(conversations, conversations.c.head == nodes.c.id)
    for row in connection.execute(query.where(nodes.c.id == node_id).limit(1)).all():
        pause = pause_after_answer(Outcome.INTERRUPTED, row.parent, row.request)
        if (row.pause, row.pause_details) == (pause.reason, pause.details):
            where = queued.c.conversation == row.conversation
            connection.execute(sa.update(queued).where(where).values(_pause_columns("")))


def pause_queues(
    connection: sa.Connection, where: sa.ColumnElement[bool], reason: str, details: Mapping[str, Any] | None = None
) -> None:
    """Pause queues, except those that are paused for a reason that the user has to know about."""
    where &= queued.c.pause.in_(replaced_reasons(reason))
    connection.execute(sa.update(queued).where(where).values(_pause_columns(reason, details)))


def _is_in_conversation(
    owner: str | sa.BindParameter[str], conversation_id: str | sa.BindParameter[str]
) -> sa.ColumnElement[bool]:
    query = sa.select(conversations.c.id).where(owned(owner, conversation_id))
    return queued.c.conversation.in_(query)


# Built once: each page that follows an answer reads its queue once a second.
_ROWS = (
    sa.select(queued)
    .where(_is_in_conversation(sa.bindparam("owner"), sa.bindparam("conversation")))
    .order_by(*_IN_ORDER)
)


def _is_question(owner: str, question: QueuedQuestion) -> sa.ColumnElement[bool]:
    return (queued.c.id == question.id) & _is_in_conversation(owner, question.conversation_id)


def _load_rows(connection: sa.Connection, owner: str, conversation_id: str) -> Sequence[sa.Row[Any]]:
    return connection.execute(_ROWS, {"owner": owner, "conversation": conversation_id}).all()


def _has_arriving_answer(connection: sa.Connection, owner: str, conversation_id: str) -> bool:
    query = sa.select(nodes.c.id).join(conversations, conversations.c.id == nodes.c.conversation)
    query = query.where(owned(owner, conversation_id), conversations.c.deleted.is_(None))
    where = (nodes.c.outcome == Outcome.ARRIVING) & nodes.c.deleted.is_(None)
    return connection.scalar(query.where(where).limit(1)) is not None


def _insert(
    connection: sa.Connection, owner: str, question: QueuedQuestion, position: int, pause: dict[str, Any]
) -> None:
    row = {
        "id": question.id,
        "conversation": question.conversation_id,
        "position": position,
        "text": question.text,
        **target_to_row(question.target),
        "params": asdict(question.params),
        "created": question.created_at,
        "path_end": question.path_end_id,
        "personal_key": question.uses_personal_key,
        "files": [part_to_row(part) for part in question.files] or None,
        **pause,
    }
    connection.execute(sa.insert(queued).values(row))
    link_queued(connection, owner, question.id, question.files)


def _set_order(connection: sa.Connection, ids: Sequence[str]) -> None:
    for position, question_id in enumerate(ids):
        connection.execute(sa.update(queued).where(queued.c.id == question_id).values(position=position))


def _pause_columns(reason: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"pause": reason, "pause_details": dict(details) if details else None, "paused": time.time()}


def _pause_of(rows: Sequence[sa.Row[Any]]) -> dict[str, Any]:
    """Return the pause of a queue, which a question that joins it gets too."""
    if not rows:
        return _pause_columns("")
    return {"pause": rows[0].pause, "pause_details": rows[0].pause_details, "paused": rows[0].paused}


def _question_from_row(row: sa.Row[Any]) -> QueuedQuestion | None:
    """Return a question; None for one with a wire of a later version."""
    if (target := parse_target(row.model, row.wire)) is None:
        return None
    return QueuedQuestion(
        row.id,
        row.conversation,
        row.text,
        target,
        load_params(row.params),
        row.created,
        row.path_end,
        row.personal_key,
        message_from_row("user", row.files or ()).files,
    )
