"""A database of its own for each test, of each kind that Antler keeps its conversations in."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.support.postgres import Postgres, Server

NAME = f"antler_test_{secrets.token_hex(8)}"


@pytest.fixture(scope="session")
def own_server() -> Iterator[Postgres]:
    """A Postgres of this process, which a test may take away."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def server(request) -> Iterator[Server]:
    """A real Postgres: the one that `TEST_DATABASE_URL` names, else this process's own."""
    given = os.environ.get("TEST_DATABASE_URL")
    if not given:
        yield request.getfixturevalue("own_server")
        return
    server = Server(given)
    server.url(NAME)
    yield server
    server.drop(NAME)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/antler.db"
        return
    server = request.getfixturevalue("own_server" if request.param == "own postgres" else "server")
    yield server.url(NAME)
    server.empty(NAME)


@pytest.fixture
def database_url(url) -> str:
    """What the other folders have as one SQLite file."""
    return url
