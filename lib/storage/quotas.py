"""Quotas: usage counted against limits, reserved before a request and settled after it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from lib.core.policy import TEAM_SCOPE
from lib.core.quota import LimitExceeded, QuotaCounter, Reservation, actual_amount, current_counter
from lib.core.usage import UsageRecord
from lib.storage.database.engine import Aggregate, insert
from lib.storage.schema.tables import ledger
from lib.storage.schema.tables import quota as quotas
from lib.storage.schema.tables import reservation as reservations

RETENTION_SECONDS = 40 * 24 * 3600.0  # longer than any period
MINUTE_RETENTION_SECONDS = 3600.0  # for the many rows of one minute each
_MAX_AMOUNT = 2**62  # fits a BIGINT column, with room for additions
_KEY = ("scope", "name", "begins")
_UNUSED = {"used": 0, "pending": 0, "slip": 0}
# A request may use more than was reserved for it. Assume that each pending one exceeds its reservation by the
# largest excess so far: then all of them together pass a limit by no more than one of them alone could.
_EXPECTED_EXCESS = quotas.c.pending * quotas.c.slip
_SETTLE = (
    sa.update(quotas)
    .where(*(quotas.c[name] == sa.bindparam(f"of_{name}") for name in _KEY))
    .values(
        used=quotas.c.used + sa.bindparam("difference", type_=sa.BigInteger),
        pending=quotas.c.pending - 1,
        slip=sa.case(
            (quotas.c.slip < sa.bindparam("excess"), sa.bindparam("excess", type_=sa.BigInteger)),
            else_=quotas.c.slip,
        ),
    )
)
_LEDGER_AMOUNTS = {
    "tokens": sa.func.coalesce(ledger.c.input, 0) + sa.func.coalesce(ledger.c.output, 0),
    "cost": ledger.c.cost,
}


class Quotas(Aggregate):
    """Counters of used requests, tokens and nano-dollars, shared by all owners of a scope."""

    def reserve(self, owner: str, usage_record_id: str, requested: Sequence[Reservation]) -> list[LimitExceeded]:
        """Reserve the maximum usage of a request, all of it or nothing; returns the rejected reservations.

        Recording the usage record with this id settles the reservation.
        """
        return self.reserve_all(owner, {usage_record_id: requested})

    def reserve_all(self, owner: str, requested: Mapping[str, Sequence[Reservation]]) -> list[LimitExceeded]:
        """Reserve the maximum usage of several requests by the ids of their usage records, of all or of none.

        Returns the rejected reservations, each with the amount of all requests together.
        """
        with self._write(owner) as connection:
            reserved: list[Reservation] = []
            for usage_record_id, reservations_of_request in requested.items():
                rejected = _reserve(connection, owner, usage_record_id, reservations_of_request, time.time())
                if rejected:
                    connection.rollback()
                    return [_total_of(exceeded, requested, reserved) for exceeded in rejected]
                reserved += reservations_of_request
        return []

    def release(self, owner: str, usage_record_id: str) -> None:
        """Give back the reservation of a request that was not sent."""
        with self._write(owner) as connection:
            settle_reservation(connection, owner, usage_record_id, ())

    def used(self, owner: str, counters: Sequence[QuotaCounter]) -> dict[QuotaCounter, int]:
        """Return the used amount of each counter, reservations included."""
        with self._read() as connection:
            used = _load_used(connection, counters)
            missing = [counter for counter in counters if counter not in used]
            return used | {counter: _used_in_ledger(connection, owner, counter) for counter in missing}


def settle_reservation(
    connection: sa.Connection, owner: str, usage_record_id: str, usage_records: Sequence[UsageRecord]
) -> None:
    """Replace the reservation of a request by its actual usage, once; without records, by nothing.

    `usage_records` includes those of its retries.
    """
    own_reservation = (reservations.c.id == usage_record_id) & (reservations.c.owner == owner)
    claims = connection.scalar(sa.delete(reservations).where(own_reservation).returning(reservations.c.claims))
    changes = []
    for scope, name, begins, reserved in claims or ():
        unit = QuotaCounter(scope, name, begins).unit
        difference = actual_amount(unit, reserved, usage_records) - reserved
        # A retry is one more request, but no excess over what was reserved for the first.
        excess = 0 if unit == "requests" else difference
        changes.append(
            {
                "of_scope": scope,
                "of_name": name,
                "of_begins": begins,
                "difference": difference,
                "excess": excess,
            }
        )
    if changes:
        connection.execute(_SETTLE, changes)


def recount(connection: sa.Connection, now: float) -> None:
    """Raise the counters of users and of the team to the amounts of the ledger.

    While a limit is not set, its counter does not count; this makes up for that within a period.
    """
    for counter in _counters_since(connection, now - RETENTION_SECONDS):
        if current_counter(counter.scope, counter.limit_name, now) == counter:
            used = _used_in_ledger(connection, counter.scope.removeprefix("person:"), counter)
            where = _is_counter(counter) & (quotas.c.used < used)
            connection.execute(sa.update(quotas).where(where).values(used=used))


def transfer_quotas(connection: sa.Connection, from_owner: str, to_owner: str) -> None:
    """Add the usage of one owner to another's; reservations stay with the first, and stay counted."""
    where = quotas.c.scope == f"person:{from_owner}"
    rows = connection.execute(sa.delete(quotas).where(where).returning(quotas)).all()
    for row in sorted(rows, key=lambda row: (row.name, row.begins)):
        columns = row._asdict() | {"scope": f"person:{to_owner}", "pending": 0}
        statement = insert(connection, quotas).values(columns)
        sums = {"used": quotas.c.used + statement.excluded.used}
        connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=sums))


def purge_quotas(connection: sa.Connection, now: float) -> None:
    """Remove counters of past periods, and reservations of processes that died."""
    old_minute = (quotas.c.name == "requests_minute") & (quotas.c.begins < int(now - MINUTE_RETENTION_SECONDS))
    connection.execute(sa.delete(quotas).where(old_minute | (quotas.c.begins < int(now - RETENTION_SECONDS))))
    connection.execute(sa.delete(reservations).where(reservations.c.created < now - RETENTION_SECONDS))


def _reserve(
    connection: sa.Connection,
    owner: str,
    usage_record_id: str,
    requested: Sequence[Reservation],
    now: float,
) -> list[LimitExceeded]:
    """Add the amounts to every counter in one statement, and save them for the request.

    Returns the rejected reservations. If there is one, the caller must roll back: others may be reserved.
    """
    # All writers use one order, so that none waits for another that waits for it.
    requested = sorted(requested, key=lambda reservation: reservation.counter)
    _insert_missing(connection, owner, [reservation.counter for reservation in requested])
    rows = [
        _key(reservation.counter) | {"used": reservation.amount, "pending": 1, "slip": 0} for reservation in requested
    ]
    statement = insert(connection, quotas).values(rows)
    limit = sa.case(
        *(
            (_is_counter(reservation.counter), sa.literal(_hard_limit(reservation), sa.BigInteger))
            for reservation in requested
        )
    )
    sums = {name: quotas.c[name] + statement.excluded[name] for name in ("used", "pending")}
    upsert = statement.on_conflict_do_update(
        index_elements=_KEY, set_=sums, where=sums["used"] + _EXPECTED_EXCESS <= limit
    ).returning(*(quotas.c[name] for name in _KEY))
    reserved = {QuotaCounter(*row) for row in connection.execute(upsert)}
    rejected = [reservation for reservation in requested if reservation.counter not in reserved]
    if rejected:
        return [_exceeded(connection, reservation) for reservation in rejected]
    claims = [[*_key(reservation.counter).values(), reservation.amount] for reservation in requested]
    connection.execute(sa.insert(reservations).values(id=usage_record_id, owner=owner, claims=claims, created=now))
    return []


def _insert_missing(connection: sa.Connection, owner: str, counters: Sequence[QuotaCounter]) -> None:
    """Insert missing counters, starting from the usage before their limit was set."""
    existing = _load_used(connection, counters)
    rows = [
        _key(counter) | _UNUSED | {"used": _used_in_ledger(connection, owner, counter)}
        for counter in counters
        if counter not in existing
    ]
    if rows:
        connection.execute(insert(connection, quotas).values(rows).on_conflict_do_nothing())


def _used_in_ledger(connection: sa.Connection, owner: str, counter: QuotaCounter) -> int:
    """Sum the usage records of a counter's period; the ledger knows users and the team, but no groups."""
    if counter.unit not in _LEDGER_AMOUNTS or counter.scope not in (TEAM_SCOPE, f"person:{owner}"):
        return 0
    query = sa.select(sa.func.coalesce(sa.func.sum(_LEDGER_AMOUNTS[counter.unit]), 0))
    # Requests with a personal key use nothing of the team's budget.
    query = query.where(ledger.c.created >= counter.period_start, ~ledger.c.personal_key)
    if counter.scope != TEAM_SCOPE:
        query = query.where(ledger.c.owner == owner)
    return int(connection.scalar(query) or 0)


def _load_used(connection: sa.Connection, counters: Iterable[QuotaCounter]) -> dict[QuotaCounter, int]:
    """Return the used amount of those counters that have a row."""
    keys = [tuple(_key(counter).values()) for counter in counters]
    query = sa.select(quotas).where(sa.tuple_(*(quotas.c[name] for name in _KEY)).in_(keys))
    return {QuotaCounter(row.scope, row.name, row.begins): row.used for row in connection.execute(query)}


def _counters_since(connection: sa.Connection, start: float) -> list[QuotaCounter]:
    query = sa.select(*(quotas.c[name] for name in _KEY)).where(quotas.c.begins >= int(start))
    return [QuotaCounter(*row) for row in connection.execute(query)]


def _exceeded(connection: sa.Connection, reservation: Reservation) -> LimitExceeded:
    """Describe a rejected reservation; this transaction holds the lock of its row."""
    query = sa.select(_hard_limit(reservation) - quotas.c.used - _EXPECTED_EXCESS)
    remaining = connection.scalar(query.where(_is_counter(reservation.counter)))
    return LimitExceeded(reservation, max(0, int(remaining or 0)))


def _total_of(
    exceeded: LimitExceeded, requested: Mapping[str, Sequence[Reservation]], reserved: Sequence[Reservation]
) -> LimitExceeded:
    """Describe a rejected reservation as one of all requests, of which `reserved` were taken back."""
    counter = exceeded.reservation.counter
    amounts = [each.amount for request in requested.values() for each in request if each.counter == counter]
    taken_back = sum(each.amount for each in reserved if each.counter == counter)
    return LimitExceeded(replace(exceeded.reservation, amount=sum(amounts)), exceeded.remaining + taken_back)


def _hard_limit(reservation: Reservation) -> int:
    return _MAX_AMOUNT if reservation.hard_limit is None else min(reservation.hard_limit, _MAX_AMOUNT)


def _key(counter: QuotaCounter) -> dict[str, str | int]:
    return {"scope": counter.scope, "name": counter.limit_name, "begins": counter.period_start}


def _is_counter(counter: QuotaCounter) -> sa.ColumnElement[bool]:
    return sa.and_(*(quotas.c[name] == value for name, value in _key(counter).items()))
