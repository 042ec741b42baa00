"""Runs of checks of the gateway, each owner's apart; those with the team's key also for its administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import sqlalchemy as sa

from lib.core.gateway_checks import MAX_RUNS, CheckInProgress, CheckRun, ProbeResult, Verdict
from lib.core.target import Target
from lib.storage.database.clock import DatabaseClock
from lib.storage.database.engine import Aggregate, insert
from lib.storage.schema.checks import gateway_check as table
from lib.storage.schema.checks import lease as leases

# Seconds after which a run without progress has no process any more; a request can take that long.
STALE_AFTER = 600.0
_MAX_SHARED = 10  # runs that are read for the notes of all users
_COLUMNS = frozenset({"id", "is_team", "started_at", "author_id"})


class GatewayChecks(Aggregate):
    """Runs by owner, and the lease of the schedule."""

    def start(self, owner: str, run: CheckRun) -> None:
        """Insert a run, in place of the oldest ones beyond MAX_RUNS.

        Raises CheckInProgress while another one of the owner is running, in any process.
        """
        is_own = table.c.owner == owner
        with self._write(owner) as connection:
            alive = is_own & table.c.running & (table.c.beat > DatabaseClock() - STALE_AFTER)
            if connection.scalar(sa.select(table.c.id).where(alive).limit(1)):
                raise CheckInProgress
            oldest = sa.select(table.c.id).where(is_own).order_by(table.c.started.desc()).offset(MAX_RUNS - 1)
            old_ids = list(connection.scalars(oldest.limit(MAX_RUNS)))
            connection.execute(sa.delete(table).where(is_own, table.c.id.in_(old_ids)))
            columns = {"id": run.id, "owner": owner, "team": run.is_team, "started": run.started_at}
            connection.execute(sa.insert(table).values(**columns, **_to_row(run)))

    def save(self, owner: str, run: CheckRun) -> bool:
        """Save the progress or the end of a run; returns False if it was deleted."""
        statement = sa.update(table).where(table.c.owner == owner, table.c.id == run.id)
        with self._write(owner) as connection:
            return connection.scalar(statement.values(**_to_row(run)).returning(table.c.id)) is not None

    def list_own(self, owner: str, limit: int = MAX_RUNS) -> list[CheckRun]:
        """Return the owner's newest runs, the newest first."""
        return self._load(table.c.owner == owner, limit)

    def list_team(self) -> list[CheckRun]:
        """Return the newest runs with the team's key, of all administrators and of the schedule, the newest first."""
        return self._load(table.c.team)

    def list_team_results(self) -> list[CheckRun]:
        """Return the newest of these runs without their authors, for all users."""
        return [replace(run, author_id="") for run in self._load(table.c.team, _MAX_SHARED)]

    def delete(self, owner: str, run_id: str) -> None:
        """Delete a run, also one that is running: its process ends by itself."""
        with self._write(owner) as connection:
            connection.execute(sa.delete(table).where(table.c.owner == owner, table.c.id == run_id))

    def claim(self, task: str, seconds: float) -> bool:
        """Return True if the caller has a task for so many seconds, and every other process does not."""
        now = DatabaseClock()
        with self._write() as connection:
            statement = insert(connection, leases).values(name=task, until=now + seconds)
            is_over = leases.c.until <= now
            renewed = statement.on_conflict_do_update(
                index_elements=["name"], set_={"until": now + seconds}, where=is_over
            )
            return connection.scalar(renewed.returning(leases.c.name)) is not None

    def postpone(self, task: str, seconds: float) -> None:
        """Set the end of a lease that the caller has, from now on."""
        update = sa.update(leases).where(leases.c.name == task)
        with self._write() as connection:
            connection.execute(update.values(until=DatabaseClock() + seconds))

    def _load(self, condition: sa.ColumnElement[bool], limit: int = MAX_RUNS) -> list[CheckRun]:
        is_alive = (table.c.beat > DatabaseClock() - STALE_AFTER).label("is_alive")
        query = sa.select(table, is_alive).where(condition).order_by(table.c.started.desc(), table.c.id)
        with self._read() as connection:
            return [_to_run(row) for row in connection.execute(query.limit(limit))]


def _to_row(run: CheckRun) -> dict[str, Any]:
    document = {name: value for name, value in asdict(run).items() if name not in _COLUMNS}
    return {"running": run.state == "running", "beat": DatabaseClock(), "run": document}


def _to_run(row: sa.Row[Any]) -> CheckRun:
    document: Mapping[str, Any] = row.run
    known = {field.name for field in fields(CheckRun)} - _COLUMNS
    values = {name: value for name, value in document.items() if name in known}
    values["targets"] = tuple(Target(**target) for target in document["targets"])
    values["probes"] = tuple(document["probes"])
    values["results"] = tuple(map(_to_result, document["results"]))
    run = CheckRun(id=row.id, is_team=row.team, started_at=row.started, author_id=row.owner, **values)
    return replace(run, state="interrupted") if run.state == "running" and not row.is_alive else run


def _to_result(saved: Mapping[str, Any]) -> ProbeResult:
    verdict = Verdict(**saved["verdict"])
    return ProbeResult(Target(**saved["target"]), saved["probe"], verdict, tuple(saved["exchange_ids"]))
