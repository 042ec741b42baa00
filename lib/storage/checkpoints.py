"""Checkpoints of arriving answers: their rows, and the changes since, which are appended to a table of their own.

Only an arriving answer has changes. Whatever ends it merges them into its row, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from lib.core.checkpoints import Checkpoint, PartsChange
from lib.core.conversation import Message, Node, Outcome
from lib.storage.database.clock import DatabaseClock
from lib.storage.queue import resume_after_answer
from lib.storage.rows import batches, in_owned_conversation, node_from_row, node_to_row, part_to_row, touch_conversation
from lib.storage.schema.tables import arriving_change as changes
from lib.storage.schema.tables import node as nodes

# Columns of a node that change while its answer arrives.
_FACT_COLUMNS = ("usage", "timing", "reason", "served")
is_arriving = nodes.c.outcome == Outcome.ARRIVING
_NO_CONTENT = Message("assistant", ())
# Fields of stored parts that grow.
_GROWING = ("text", "signature", "sealed")


def _select_request(
    node_id: str | sa.BindParameter[str], request: str | sa.BindParameter[str], owner: str | sa.BindParameter[str]
) -> sa.ColumnElement[bool]:
    return (nodes.c.id == node_id) & (nodes.c.request == request) & in_owned_conversation(owner)


# Built once: to build a statement takes several times as long as to run it.
_BEAT = (
    sa.update(nodes)
    .where(_select_request(sa.bindparam("of_node"), sa.bindparam("of_request"), sa.bindparam("of_owner")), is_arriving)
    .values(beat=DatabaseClock())
)


def save_all(connection: sa.Connection, checkpoints: Sequence[Checkpoint]) -> list[Outcome | None]:
    """Save checkpoints; return the outcomes of their rows, as `Messages.save_checkpoints`.

    The heartbeats of all of them are one statement, and what is appended is inserted by another one, after their rows
    are known to arrive.
    """
    appended = [item for item in checkpoints if not item.is_whole]
    all_arrive = _beat(connection, appended)
    outcomes = [
        Outcome.ARRIVING if all_arrive and not item.is_whole else _save_row(connection, item) for item in checkpoints
    ]
    saved = [item for item, outcome in zip(checkpoints, outcomes, strict=True) if outcome is Outcome.ARRIVING]
    remove_changes(connection, [item.node.id for item in saved if item.is_whole])
    if rows := [_change_to_row(item) for item in saved if item.changes]:
        connection.execute(sa.insert(changes), rows)
    return outcomes


def _save_row(connection: sa.Connection, checkpoint: Checkpoint) -> Outcome | None:
    owner, node = checkpoint.owner, checkpoint.node
    columns = stream_columns(node) if checkpoint.is_whole else {"beat": DatabaseClock()}
    where = is_request_of(owner, node)
    if connection.execute(sa.update(nodes).where(where, is_arriving).values(columns)).rowcount:
        return Outcome.ARRIVING
    row = connection.execute(sa.select(nodes.c.outcome, nodes.c.conversation).where(where)).first()
    if row and row.outcome == Outcome.INTERRUPTED:
        # Its producer lives: only its heartbeats came too late. The row has all that was saved before.
        connection.execute(sa.update(nodes).where(where).values({**columns, "outcome": Outcome.ARRIVING}))
        resume_after_answer(connection, node.id)
        touch_conversation(connection, owner, row.conversation)
        return Outcome.ARRIVING
    return Outcome(row.outcome) if row else None


def _beat(connection: sa.Connection, checkpoints: Sequence[Checkpoint]) -> bool:
    """Save the heartbeats of rows that arrive; returns False if others are among them, which have to be looked at."""
    params = [
        {"of_node": item.node.id, "of_request": item.node.usage_record_id, "of_owner": item.owner}
        for item in checkpoints
    ]
    return bool(params) and connection.execute(_BEAT, params).rowcount == len(params)


def is_request_of(owner: str, node: Node) -> sa.ColumnElement[bool]:
    """Select the row of an answer, unless another process has taken it over for a later request."""
    return _select_request(node.id, node.usage_record_id, owner)


def stream_columns(node: Node) -> dict[str, Any]:
    """Columns of a node that change while its answer arrives, its heartbeat among them."""
    row = node_to_row(node)
    return {"beat": DatabaseClock(), **{name: row[name] for name in ("parts", *_FACT_COLUMNS)}}


def load_with_changes(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Node]:
    """Return the nodes of rows, with all that was saved of those that arrive."""
    changes_of = _load_changes(connection, [row.id for row in rows if row.outcome == Outcome.ARRIVING])
    return [node_from_row(row, _apply(row, changes_of.get(row.id, ()))) for row in rows]


def merge_changes(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Write the changes of these answers into their rows."""
    changes_of = _load_changes(connection, ids)
    columns = {name: sa.bindparam(f"new_{name}", type_=nodes.c[name].type) for name in ("parts", *_FACT_COLUMNS)}
    update = sa.update(nodes).where(nodes.c.id == sa.bindparam("node_id")).values(columns)
    for batch in batches(list(changes_of)):
        rows = connection.execute(sa.select(nodes).where(nodes.c.id.in_(batch))).all()
        merged = [row._asdict() | _apply(row, changes_of[row.id]) for row in rows]
        values = [{"node_id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in merged]
        connection.execute(update, values)
    remove_changes(connection, list(changes_of))


def select_left_changes() -> sa.Select[Any]:
    """Select the ended answers that have changes, since a process of an earlier version has ended them."""
    changed = sa.select(changes.c.node).distinct().subquery()
    # Looked up for each of the few ids: a join may read all nodes.
    outcome = sa.select(nodes.c.outcome).where(nodes.c.id == changed.c.node).scalar_subquery()
    return sa.select(changed.c.node).where(outcome != Outcome.ARRIVING)


def remove_changes(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Remove the changes of answers of which the whole rows are written."""
    for batch in batches(ids):
        connection.execute(sa.delete(changes).where(changes.c.node.in_(batch)))


def _load_changes(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    changes_of: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for batch in batches(ids):
        query = sa.select(changes).where(changes.c.node.in_(batch)).order_by(changes.c.node, changes.c.number)
        for row in connection.execute(query):
            changes_of[row.node].append(row.change)
    return changes_of


def _change_to_row(checkpoint: Checkpoint) -> dict[str, Any]:
    assert checkpoint.changes is not None
    lists = {"body": checkpoint.changes.body, "sources": checkpoint.changes.sources}
    # A process of an earlier version may begin a later request, and leaves changes of this one.
    change: dict[str, Any] = {"request": checkpoint.node.usage_record_id}
    change |= {name: _list_change_to_json(change) for name, change in lists.items() if change}
    if checkpoint.changes.has_new_facts:
        row = node_to_row(replace(checkpoint.node, message=_NO_CONTENT))
        change["facts"] = {name: row[name] for name in _FACT_COLUMNS}
    return {"node": checkpoint.node.id, "number": checkpoint.number, "change": change}


def _list_change_to_json(change: PartsChange) -> list[Any]:
    replaced = [[index, part_to_row(part)] for index, part in change.replaced]
    return [change.count, replaced, [[index, part_to_row(part)] for index, part in change.grown]]


def _apply(row: sa.Row[Any], stored_changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of a row that changes, given in their order, have changed.

    Those of an earlier request do not count. As in `NodeChanges`, the sources at the end are a list of their own.
    """
    stored_changes = [change for change in stored_changes if change.get("request") == row.request]
    if not stored_changes:
        return {}
    end = len(row.parts)
    while end and row.parts[end - 1].get("type") == "source":
        end -= 1
    body, sources = _GrowingParts(row.parts[:end]), _GrowingParts(row.parts[end:])
    facts: dict[str, Any] = {}
    for change in stored_changes:
        for parts, name in ((body, "body"), (sources, "sources")):
            if name in change:
                parts.apply(*change[name])
        facts |= change.get("facts", {})
    return {"parts": [*body.join(), *sources.join()], **facts}


class _GrowingParts:
    """Stored parts whose growing fields are lists of texts until they are joined, so that no text is copied twice."""

    def __init__(self, parts: Sequence[Mapping[str, Any]]) -> None:
        self._parts = [self._split(part) for part in parts]

    def apply(self, count: int, replaced: Sequence[Any], grown: Sequence[Any]) -> None:
        del self._parts[count:]
        for index, part in replaced:
            self._parts[index : index + 1] = [self._split(part)]
        for index, part in grown:
            for name in _GROWING:
                if growth := part.get(name):
                    self._parts[index].setdefault(name, []).append(growth)

    def join(self) -> list[dict[str, Any]]:
        return [
            {name: "".join(value) if name in _GROWING else value for name, value in part.items()}
            for part in self._parts
        ]

    @staticmethod
    def _split(part: Mapping[str, Any]) -> dict[str, Any]:
        return {name: [value] if name in _GROWING else value for name, value in part.items()}
