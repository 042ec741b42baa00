"""The newest schema as SQL, from a SQLite database that was migrated to it.

.venv/bin/python -m tests.support.sqlite_schema writes it to lib/storage/schema/sqlite.sql, after a new migration.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from lib.storage.database import engine
from lib.storage.store import Store


def build_migrated(path: Path) -> None:
    """Create a database by all migrations, one after the other."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE any_table (id INTEGER)")  # else the newest schema would be created at once
        Store(f"sqlite:///{path}").close()
        connection.execute("DROP TABLE any_table")


def read_schema(path: Path) -> str:
    """Return the statements that create the tables, indexes and triggers of a database, in their order."""
    # Those of a full-text index are created with it, and that of counters with the first one.
    implicit = {f"passage_words_{suffix}" for suffix in ("data", "idx", "docsize", "config")} | {"sqlite_sequence"}
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        statements = [_tidy(sql) for name, sql in connection.execute(query) if name not in implicit]
    return "".join(f"{statement};\n\n" for statement in statements).removesuffix("\n")


def _tidy(sql: str) -> str:
    """Remove what SQLite keeps of the layout: white space at the ends of lines, and blank lines."""
    return "\n".join(line.rstrip().replace("\t", "    ") for line in sql.splitlines() if line.strip())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "antler.db")
        build_migrated(path)
        engine.SQLITE_SCHEMA.write_text(read_schema(path))


if __name__ == "__main__":
    main()
