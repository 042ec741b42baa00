"""Plans by which the database runs the statements of a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from lib.storage.database.engine import read_transaction
from lib.storage.store import Store


def explain(store: Store, action: Callable[[], Any], *, avoids_scans: bool = False) -> dict[str, str]:
    """Run an action, and return the plan of each of its statements.

    With `avoids_scans`, Postgres reads a whole table only where no index helps, as it would in a large one.
    """
    executed = []

    def record_statement(_, __, statement, parameters, *___):
        executed.append((statement, parameters))

    sa.event.listen(store._engine, "before_cursor_execute", record_statement)
    try:
        action()
    finally:
        sa.event.remove(store._engine, "before_cursor_execute", record_statement)
    plans = {}
    with read_transaction(store._engine) as connection:
        command = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        if avoids_scans and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in executed:
            if statement.startswith(("SELECT", "WITH")):
                rows = connection.exec_driver_sql(command + statement, parameters)
                plans[statement] = "\n".join(str(row[-1]) for row in rows)
    return plans
