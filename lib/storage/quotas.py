"""Rows of what is used of limits: reserved before a request is sent, settled when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from lib.core.policy import TEAM_SCOPE
from lib.core.quota import LimitExceeded, QuotaCounter, Reservation, actual_amount, current_counter
from lib.core.usage import UsageRecord
from lib.storage.engine import insert
from lib.storage.schema import ledger
from lib.storage.schema import quota as quotas
from lib.storage.schema import reservation as reservations

KEPT = 40 * 24 * 3600.0  # seconds for which a row is of use: longer than any period
MINUTES_KEPT = 3600.0  # seconds for which a minute's row is of use, of which there are many
_MOST = 2**62  # what a column holds, with room to add
_KEY = ("scope", "name", "begins")
_NOTHING = {"used": 0, "pending": 0, "slip": 0}
# What those under way may take beyond what is reserved for them, by what others took beyond it: so all of
# them together pass a bound by no more than one of them alone may.
_BEYOND = quotas.c.pending * quotas.c.slip
# Of one counter, in the order of the claims.
_SETTLED = (
    sa.update(quotas)
    .where(*(quotas.c[name] == sa.bindparam(f"of_{name}") for name in _KEY))
    .values(
        used=quotas.c.used + sa.bindparam("more", type_=sa.BigInteger),
        pending=quotas.c.pending - 1,
        slip=sa.case(
            (quotas.c.slip < sa.bindparam("beyond"), sa.bindparam("beyond", type_=sa.BigInteger)),
            else_=quotas.c.slip,
        ),
    )
)
_SUMMED = {
    "tokens": sa.func.coalesce(ledger.c.input, 0) + sa.func.coalesce(ledger.c.output, 0),
    "cost": ledger.c.cost,
}


def reserve(
    connection: sa.Connection, owner: str, request: str, claims: Sequence[Reservation], now: float
) -> list[LimitExceeded]:
    """Take what is claimed of every counter, by one statement, and remember it for the request.

    Returns the claims that do not fit. Where there is one, the transaction has to be undone: others may
    have been taken.
    """
    # In one order for all writers, so that none waits for another that waits for it.
    claims = sorted(claims, key=lambda claim: claim.counter)
    _begin(connection, owner, [claim.counter for claim in claims])
    asked = [_key(claim.counter) | {"used": claim.amount, "pending": 1, "slip": 0} for claim in claims]
    fresh = insert(connection, quotas).values(asked)
    bound = sa.case(*((_is(claim.counter), sa.literal(_hard(claim), sa.BigInteger)) for claim in claims))
    sums = {name: quotas.c[name] + fresh.excluded[name] for name in ("used", "pending")}
    taking = fresh.on_conflict_do_update(
        index_elements=_KEY, set_=sums, where=sums["used"] + _BEYOND <= bound
    ).returning(*(quotas.c[name] for name in _KEY))
    taken = {QuotaCounter(*row) for row in connection.execute(taking)}
    if len(taken) < len(claims):
        return [_over(connection, claim) for claim in claims if claim.counter not in taken]
    kept = [[*_key(claim.counter).values(), claim.amount] for claim in claims]
    connection.execute(sa.insert(reservations).values(id=request, owner=owner, claims=kept, created=now))
    return []


def settle(connection: sa.Connection, owner: str, request: str, spends: Sequence[UsageRecord]) -> None:
    """Put what a request took in the place of what is reserved for it, once; without spends, nothing.

    `spends` are those of its repetitions too.
    """
    mine = (reservations.c.id == request) & (reservations.c.owner == owner)
    kept = connection.scalar(sa.delete(reservations).where(mine).returning(reservations.c.claims))
    changes = []
    for scope, name, begins, reserved in kept or ():
        unit = QuotaCounter(scope, name, begins).unit
        more = actual_amount(unit, reserved, spends) - reserved
        # That a request was repeated is no fault of what was reserved for it.
        slip = 0 if unit == "requests" else more
        changes.append(
            {"of_scope": scope, "of_name": name, "of_begins": begins, "more": more, "beyond": slip}
        )
    if changes:
        connection.execute(_SETTLED, changes)


def used(connection: sa.Connection, owner: str, counters: Sequence[QuotaCounter]) -> dict[QuotaCounter, int]:
    """What is used of each counter, with what is reserved."""
    known = _known(connection, counters)
    missing = [one for one in counters if one not in known]
    return known | {one: _so_far(connection, owner, one) for one in missing}


def recount(connection: sa.Connection, now: float) -> None:
    """Lift what is counted of one person and of all to what the ledger knows.

    A bound that was taken away and set again within its period was not counted for in between.
    """
    for counter in _known_since(connection, now - KEPT):
        if current_counter(counter.scope, counter.limit_name, now) == counter:
            more = _so_far(connection, counter.scope.removeprefix("person:"), counter)
            lifted = sa.update(quotas).where(_is(counter), quotas.c.used < more).values(used=more)
            connection.execute(lifted)


def adopt(connection: sa.Connection, before: str, now: str) -> None:
    """Count what one owner used as another's; what is reserved stays the first one's, and counted."""
    theirs = quotas.c.scope == f"person:{before}"
    found = connection.execute(sa.delete(quotas).where(theirs).returning(quotas)).all()
    for row in sorted(found, key=lambda row: (row.name, row.begins)):
        values = row._asdict() | {"scope": f"person:{now}", "pending": 0}
        fresh = insert(connection, quotas).values(values)
        sums = {"used": quotas.c.used + fresh.excluded.used}
        connection.execute(fresh.on_conflict_do_update(index_elements=_KEY, set_=sums))


def purge(connection: sa.Connection, now: float) -> None:
    """Remove what no period needs any more, and what was reserved by processes that are long gone."""
    minutes = (quotas.c.name == "requests_minute") & (quotas.c.begins < int(now - MINUTES_KEPT))
    connection.execute(sa.delete(quotas).where(minutes | (quotas.c.begins < int(now - KEPT))))
    connection.execute(sa.delete(reservations).where(reservations.c.created < now - KEPT))


def _begin(connection: sa.Connection, owner: str, counters: Sequence[QuotaCounter]) -> None:
    """Give each counter its row, which begins with what was used before there was anything to count for."""
    known = _known(connection, counters)
    missing = [one for one in counters if one not in known]
    if values := [_key(one) | _NOTHING | {"used": _so_far(connection, owner, one)} for one in missing]:
        connection.execute(insert(connection, quotas).values(values).on_conflict_do_nothing())


def _so_far(connection: sa.Connection, owner: str, counter: QuotaCounter) -> int:
    """What the ledger knows of a counter that has no row; of groups it knows nothing."""
    if counter.unit not in _SUMMED or counter.scope not in (TEAM_SCOPE, f"person:{owner}"):
        return 0
    query = sa.select(sa.func.coalesce(sa.func.sum(_SUMMED[counter.unit]), 0))
    query = query.where(ledger.c.created >= counter.period_start)
    if counter.scope != TEAM_SCOPE:
        query = query.where(ledger.c.owner == owner)
    return int(connection.scalar(query) or 0)


def _known(connection: sa.Connection, counters: Iterable[QuotaCounter]) -> dict[QuotaCounter, int]:
    keys = [tuple(_key(one).values()) for one in counters]
    query = sa.select(quotas).where(sa.tuple_(*(quotas.c[name] for name in _KEY)).in_(keys))
    return {QuotaCounter(row.scope, row.name, row.begins): row.used for row in connection.execute(query)}


def _known_since(connection: sa.Connection, begin: float) -> list[QuotaCounter]:
    query = sa.select(*(quotas.c[name] for name in _KEY)).where(quotas.c.begins >= int(begin))
    return [QuotaCounter(*row) for row in connection.execute(query)]


def _over(connection: sa.Connection, claim: Reservation) -> LimitExceeded:
    """A claim that was not taken. Its row is ours until the transaction ends."""
    room = sa.select(_hard(claim) - quotas.c.used - _BEYOND).where(_is(claim.counter))
    return LimitExceeded(claim, max(0, int(connection.scalar(room) or 0)))


def _hard(claim: Reservation) -> int:
    return _MOST if claim.hard_limit is None else min(claim.hard_limit, _MOST)


def _key(counter: QuotaCounter) -> dict[str, str | int]:
    return {"scope": counter.scope, "name": counter.limit_name, "begins": counter.period_start}


def _is(counter: QuotaCounter) -> sa.ColumnElement[bool]:
    return sa.and_(*(quotas.c[name] == value for name, value in _key(counter).items()))
