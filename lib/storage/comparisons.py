"""Comparisons: their columns, which are conversations that no list shows, and the votes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, get_args

import sqlalchemy as sa

from lib.core.comparisons import Choice, Column, Comparison, Origin, Vote
from lib.core.conversation import Conversation, Node
from lib.core.params import load_params
from lib.core.quota import RunningLimit
from lib.core.target import parse_target
from lib.storage.database.engine import Aggregate, sanitize
from lib.storage.files.uses import ensure_stored
from lib.storage.messages import ensure_running_limit, insert_turn
from lib.storage.rows import owned, target_to_row
from lib.storage.schema.comparisons import comparison as comparisons
from lib.storage.schema.tables import conversation as conversations

_undeleted = sa.select(comparisons).where(comparisons.c.deleted.is_(None))
_sort_key = sa.tuple_(comparisons.c.created, comparisons.c.id)


class Comparisons(Aggregate):
    """Comparisons of one owner at a time; nobody else, administrators included, sees them."""

    def save(
        self,
        owner: str,
        comparison: Comparison,
        turns: Sequence[tuple[Conversation, Sequence[Node]]],
        running_limit: RunningLimit | None = None,
    ) -> None:
        """Insert a comparison with the conversations of its columns and their nodes, all of it or nothing.

        Raises TooManyAnswers if fewer answers than it has columns may still run, and AttachmentNotFound if a file of
        its question is not stored for the owner; those of the messages before it may be missing.
        """
        questions = {column.question_id for column in comparison.columns}
        nodes = [node for _, turn_nodes in turns for node in turn_nodes if node.id in questions]
        with self._write(owner) as connection:
            ensure_running_limit(connection, owner, running_limit, len(turns))
            ensure_stored(connection, owner, [part for node in nodes for part in node.message.files])
            insert_comparisons(connection, owner, [comparison])
            for conversation, new_nodes in turns:
                insert_turn(connection, owner, conversation, new_nodes)

    def get(self, owner: str, comparison_id: str) -> Comparison | None:
        """Return a comparison; None when it is missing, deleted or another owner's."""
        with self._read() as connection:
            row = connection.execute(_undeleted.where(_owned(owner, comparison_id))).first()
        return _from_row(row) if row else None

    def page(self, owner: str, limit: int, cursor: Comparison | None = None) -> list[Comparison]:
        """Return the newest comparisons, newest first; those after `cursor`, the last one of the previous page."""
        query = _undeleted.where(comparisons.c.owner == owner)
        if cursor:
            query = query.where(_sort_key < sa.tuple_(sa.literal(cursor.created_at), sa.literal(cursor.id)))
        query = query.order_by(comparisons.c.created.desc(), comparisons.c.id.desc()).limit(limit)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def export_all(self, owner: str) -> list[Comparison]:
        """Return all comparisons, the oldest first."""
        query = _undeleted.where(comparisons.c.owner == owner)
        with self._read() as connection:
            rows = connection.execute(query.order_by(comparisons.c.created, comparisons.c.id)).all()
        return [_from_row(row) for row in rows]

    def voted(self, owner: str) -> list[Comparison]:
        """Return all comparisons that have a vote."""
        query = _undeleted.where(comparisons.c.owner == owner, comparisons.c.vote.is_not(None))
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def set_vote(self, owner: str, comparison_id: str, vote: Vote | None) -> None:
        """Set the vote, which reveals a blind comparison; None takes it back."""
        columns = {"vote": vote and vote.choice, "winner": vote and vote.column}
        with self._write(owner) as connection:
            connection.execute(sa.update(comparisons).where(_owned(owner, comparison_id)).values(columns))

    def keep(self, owner: str, conversation_id: str) -> None:
        """Turn a column into an ordinary conversation, which the comparison goes on to show."""
        columns = {"comparison": None, "unread": False, "updated": time.time()}
        where = owned(owner, conversation_id) & conversations.c.comparison.is_not(None)
        with self._write(owner) as connection:
            connection.execute(sa.update(conversations).where(where).values(columns))

    def delete(self, owner: str, comparison_id: str) -> None:
        """Soft delete a comparison; `restore` brings it back until the purge, which removes its columns too."""
        self._set_deleted(owner, comparison_id, time.time())

    def restore(self, owner: str, comparison_id: str) -> None:
        self._set_deleted(owner, comparison_id, None)

    def _set_deleted(self, owner: str, comparison_id: str, deleted_at: float | None) -> None:
        with self._write(owner) as connection:
            update = sa.update(comparisons).where(_owned(owner, comparison_id))
            connection.execute(update.values(deleted=deleted_at))


def insert_comparisons(connection: sa.Connection, owner: str, new_comparisons: Sequence[Comparison]) -> None:
    """Insert comparisons before the conversations of their columns."""
    rows = [{"owner": owner, **_to_row(comparison)} for comparison in new_comparisons]
    connection.execute(sa.insert(comparisons), rows)


def purge_comparisons(connection: sa.Connection, deleted_before: float) -> None:
    """Remove comparisons that were soft deleted before a time, with the columns that were not kept."""
    connection.execute(sa.delete(comparisons).where(comparisons.c.deleted < deleted_before))


def _owned(owner: str, comparison_id: str) -> sa.ColumnElement[bool]:
    return (comparisons.c.id == comparison_id) & (comparisons.c.owner == owner)


def _to_row(comparison: Comparison) -> dict[str, Any]:
    vote, origin = comparison.vote, comparison.origin
    return {
        "id": comparison.id,
        "prompt": comparison.prompt,
        "created": comparison.created_at,
        "columns": [_column_to_json(column) for column in comparison.columns],
        "blind": comparison.is_blind,
        "vote": vote and vote.choice,
        "winner": vote and vote.column,
        "origin": origin and origin.conversation_id,
        "origin_question": origin and origin.question_id,
    }


def _from_row(row: sa.Row[Any]) -> Comparison:
    is_vote = row.vote in get_args(Choice)
    return Comparison(
        row.id,
        row.prompt,
        row.created,
        tuple(column for raw in row.columns if (column := _column_from_json(raw))),
        row.blind,
        Vote(row.vote, row.winner) if is_vote else None,
        Origin(row.origin, row.origin_question) if row.origin and row.origin_question else None,
    )


def _column_to_json(column: Column) -> dict[str, Any]:
    names = {"conversation": column.conversation_id, "question": column.question_id}
    # The target is compared with that of answers, whose columns are texts.
    return {**names, **sanitize(target_to_row(column.target)), "params": asdict(column.params)}


def _column_from_json(raw: Mapping[str, Any]) -> Column | None:
    target = parse_target(raw.get("model"), raw.get("wire"))
    if target is None:
        return None
    return Column(raw["conversation"], raw["question"], target, load_params(raw["params"]))
