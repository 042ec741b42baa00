"""Databases of earlier revisions of the schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from lib.storage.database import engine


def migration_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(engine.MIGRATIONS))
    return config


@contextlib.contextmanager
def plain_transaction(url: str) -> Iterator[sa.Connection]:
    """Open a transaction without migrating the database."""
    plain = sa.create_engine(url)
    with plain.begin() as connection:
        yield connection
    plain.dispose()


def upgrade(url: str, revision: str) -> None:
    """Bring a database of an earlier revision, or an empty one, to this revision."""
    with plain_transaction(url) as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
