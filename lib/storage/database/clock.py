"""The clock of the database, the only one that all processes share."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class DatabaseClock(sa.sql.functions.FunctionElement[float]):
    """The time at which the database runs the statement, in seconds since 1970."""

    type = sa.Double()
    inherit_cache = True


@compiles(DatabaseClock, "sqlite")
def _compile_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseClock, "postgresql")
def _compile_postgres(*_: Any, **__: Any) -> str:
    # That of the statement: a transaction may have waited for its lock since it began.
    return "CAST(extract(epoch FROM statement_timestamp()) AS double precision)"
