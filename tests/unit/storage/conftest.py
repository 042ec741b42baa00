"""A database for each test, of each kind that Antler supports."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.storage.store import Store
from tests.support.postgres import Postgres, Server

NAME = f"antler_test_{secrets.token_hex(8)}"
TEMPLATE = f"{NAME}_template"


@pytest.fixture(scope="session")
def own_server() -> Iterator[Postgres]:
    """A Postgres server of this process, which a test may stop."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def server(request) -> Iterator[Server]:
    """The server that `TEST_DATABASE_URL` names, else the server of this process."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        yield request.getfixturevalue("own_server")
        return
    server = Server(url)
    yield server
    for name in list(server.databases):
        server.drop(name)


def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/antler.db"


def chosen_server(request) -> Server:
    return request.getfixturevalue("own_server" if request.param == "own postgres" else "server")


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request, tmp_path) -> Iterator[str]:
    """The URL of an empty database, for tests of migrations."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    server = chosen_server(request)
    yield server.create(NAME)
    server.drop(NAME)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path, database_template) -> Iterator[str]:
    """The URL of a database with all tables and no rows, copied from a template."""
    if request.param == "sqlite":
        shutil.copyfile(database_template, tmp_path / "antler.db")
        yield sqlite_url(tmp_path)
        return
    server = chosen_server(request)
    if TEMPLATE not in server.databases:
        Store(server.create(TEMPLATE)).close()
    yield server.create(NAME, template=TEMPLATE)
    server.drop(NAME)


@pytest.fixture
def database_url(url) -> str:
    """Run the fixtures of other folders on both databases."""
    return url
