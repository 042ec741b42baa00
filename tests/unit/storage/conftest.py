"""A database for each test, of each kind that Antler supports."""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from lib.core.file_storage import FileStorage
from lib.storage.store import Store
from tests.support.postgres import Postgres, Server
from tests.unit.storage.emptied_database import EmptiedDatabase
from tests.unit.storage.revisions import upgrade

if TYPE_CHECKING:
    from tests.support.bucket import Bucket

NAME = f"antler_test_{secrets.token_hex(8)}"


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
    server.disconnect()


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


@pytest.fixture(scope="session")
def reached() -> dict[str, str]:
    """The revision of the template of `old_schema_url` of each kind of database."""
    return {}


@pytest.fixture(params=["sqlite", "postgres"])
def old_schema_url(request, tmp_path, tmp_path_factory, reached, revision) -> Iterator[str]:
    """The URL of an empty database of a revision, copied from one that goes from each revision to the next."""
    kind = request.param
    begins = revision < reached.pop(kind, "")
    if kind == "sqlite":
        template = tmp_path_factory.getbasetemp() / "old.db"
        if begins:
            template.unlink()
        upgrade(f"sqlite:///{template}", revision)
        shutil.copyfile(template, tmp_path / "antler.db")
        reached[kind] = revision
        yield sqlite_url(tmp_path)
        return
    server, name = chosen_server(request), f"{NAME}_old"
    if begins:
        server.drop(name)
    if name not in server.databases:
        server.create(name)
    upgrade(server.url(name), revision)
    reached[kind] = revision
    yield server.create(NAME, template=name)
    server.drop(NAME)


def leave_empty(store: Store) -> None:
    """Add no rows to a template."""


def copy_template(request, tmp_path: Path, fill: Callable[[Store], None] = leave_empty) -> Iterator[str]:
    """Yield the URL of a database with all tables and the rows that `fill` adds, copied from a template.

    The template of a function is created once in each server, and in each process for SQLite.
    """
    if request.param == "sqlite":
        template = request.getfixturevalue("tmp_path_factory").getbasetemp() / f"{fill.__name__}.db"
        if not template.exists():
            shutil.copyfile(request.getfixturevalue("database_template"), template)
            fill_database(f"sqlite:///{template}", fill)
        shutil.copyfile(template, tmp_path / "antler.db")
        yield sqlite_url(tmp_path)
        return
    server = chosen_server(request)
    yield server.create(NAME, template=fill_template(server, fill))
    server.drop(NAME)


def fill_template(server: Server, fill: Callable[[Store], None] = leave_empty) -> str:
    name = f"{NAME}_{fill.__name__}"
    if name not in server.databases:
        fill_database(server.create(name), fill)
    return name


def fill_database(url: str, fill: Callable[[Store], None]) -> None:
    store = Store(url)
    fill(store)
    store.close()


@pytest.fixture(scope="session")
def emptied_database(server) -> EmptiedDatabase:
    return EmptiedDatabase(server, f"{NAME}_emptied", fill_template(server))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    if request.param != "postgres":
        yield from copy_template(request, tmp_path)
        return
    database = request.getfixturevalue("emptied_database")
    yield database.prepare()
    database.empty()


@pytest.fixture
def database_url(url) -> str:
    """Run the fixtures of other folders on both databases."""
    return url


@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    # Imported here, since its server takes half a second to import, and few workers need it.
    with importlib.import_module("tests.support.bucket").run_bucket() as running:
        yield running


class Place:
    """A store of files; `store` keeps the bytes in its database, in a folder or in a bucket."""

    def __init__(self, url: str, file_url: str, list_objects: Callable[[], list[str]]) -> None:
        self.url = url
        self.file_url = file_url
        self.is_external = bool(file_url)
        self.list_objects = list_objects
        self.store = self.open()

    def open(self, **limits: int) -> Store:
        """Open the same database again, with other limits."""
        return Store(self.url, file_storage=FileStorage(self.file_url, **limits))


@pytest.fixture(params=["sqlite", "postgres", "folder", "bucket"])
def place(request, tmp_path) -> Iterator[Place]:
    """A store for each place of the bytes of files."""
    database = "postgres" if request.param == "postgres" else "sqlite"
    proxy = SimpleNamespace(param=database, getfixturevalue=request.getfixturevalue)
    for url in copy_template(proxy, tmp_path):
        place = Place(url, *_place_files(request, tmp_path))
        yield place
        place.store.close()


def _place_files(request, tmp_path: Path) -> tuple[str, Callable[[], list[str]]]:
    """Return the URL of an empty folder or prefix, "" for the database, and a function that lists its objects."""
    if request.param == "folder":
        folder = tmp_path / "files"
        return f"file://{folder}", lambda: sorted(str(path) for path in folder.rglob("*") if path.is_file())
    if request.param == "bucket":
        bucket: Bucket = request.getfixturevalue("bucket")
        prefix = secrets.token_hex(8)
        return bucket.url(prefix), lambda: bucket.keys(prefix)
    return "", list
