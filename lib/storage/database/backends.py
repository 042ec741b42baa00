"""The modules of both databases, which have the same face: `create_engine`, `insert` and `find_fault`."""

from __future__ import annotations

import importlib
from types import ModuleType

from lib.storage.database import sqlite


def load_backend(name: str) -> ModuleType:
    """Return the module of SQLAlchemy's backend `name`.

    That of Postgres is imported at its first use: its driver and SQLAlchemy's dialect take 0.15 s of CPU time, which a
    program with a SQLite file need not spend.
    """
    return sqlite if name == "sqlite" else importlib.import_module("lib.storage.database.postgres")
