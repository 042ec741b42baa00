"""Arriving answers as a process reads them that does not produce them: what is new since its last look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from lib.core.checkpoints import Arrival, ArrivalState, PartsChange, SavedChanges
from lib.core.conversation import Outcome
from lib.storage.checkpoints import load_with_changes
from lib.storage.rows import facts_from_row, in_owned_conversation, part_from_row
from lib.storage.schema.tables import arriving_change as changes
from lib.storage.schema.tables import node as nodes


def _select_news() -> sa.Select[Any]:
    """Select the state of an answer, once for each of its changes behind a number; without any for the number 0."""
    last_seen = sa.bindparam("last_seen", type_=sa.Integer)
    own_changes = sa.select(sa.func.max(changes.c.number)).where(changes.c.node == nodes.c.id)
    last = own_changes.correlate(nodes).scalar_subquery()
    # To measure a row costs as much as to read it.
    size = sa.case((last.is_(None), sa.func.length(sa.cast(nodes.c.parts, sa.Text)))).label("size")
    query = sa.select(nodes.c.outcome, nodes.c.request, size, last.label("last"), changes.c.number, changes.c.change)
    newer = (changes.c.node == nodes.c.id) & (changes.c.number > last_seen) & (last_seen > 0)
    query = query.select_from(nodes.outerjoin(changes, newer)).order_by(changes.c.number)
    return query.where(nodes.c.id == sa.bindparam("node"), in_owned_conversation(sa.bindparam("owner")))


# Built once: each page that follows an answer asks twice a second.
_NEWS = _select_news()


def load_arrival(
    connection: sa.Connection, owner: str, node_id: str, state: ArrivalState | None = None
) -> Arrival | None:
    """Return what is new of an answer since a state, as `Messages.arrival`, in a transaction that reads one snapshot.

    The changes behind the state are enough if their numbers go on from it. All is read after a row that was written
    again, or that had no changes at the last look: its next change may belong to a later one.
    """
    last_seen = state.last_change if state else 0
    rows = connection.execute(_NEWS, {"owner": owner, "node": node_id, "last_seen": last_seen}).all()
    if not rows:
        return None
    row = rows[0]
    now = ArrivalState(Outcome(row.outcome), row.request, row.size or 0, row.last or 0)
    if now == state:
        return Arrival(now)
    new_changes = [(row.number, row.change) for row in rows if row.number is not None]
    if state and now.outcome is Outcome.ARRIVING and _goes_on(state, now, new_changes):
        return Arrival(now, [_changes_from_row(change) for _, change in new_changes])
    query = sa.select(nodes).where(nodes.c.id == node_id, in_owned_conversation(owner))
    return Arrival(now, node=load_with_changes(connection, connection.execute(query).all())[0])


def _goes_on(state: ArrivalState, now: ArrivalState, new_changes: Sequence[tuple[int, Mapping[str, Any]]]) -> bool:
    """Tell if changes lead from a state to a later one."""
    numbers = [number for number, _ in new_changes]
    if state.last_change == 0 or now.request_id != state.request_id:
        return False
    # A process of an earlier version may begin a later request, and leaves changes of the one before.
    is_of_request = all(change.get("request") == now.request_id for _, change in new_changes)
    return is_of_request and numbers == list(range(state.last_change + 1, now.last_change + 1))


def _changes_from_row(change: Mapping[str, Any]) -> SavedChanges:
    body, sources = (_parts_change_from_json(change.get(name)) for name in ("body", "sources"))
    return SavedChanges(body, sources, facts_from_row(change.get("facts", {})))


def _parts_change_from_json(raw: Sequence[Any] | None) -> PartsChange | None:
    if raw is None:
        return None
    count, replaced, grown = raw
    read = [tuple((index, part_from_row(part)) for index, part in parts) for parts in (replaced, grown)]
    return PartsChange(count, *read)
