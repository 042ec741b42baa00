"""The app as a server process: one of a test's own, or one shared by all tests with the same settings."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import choice
from typing import BinaryIO

from tests.support.forked_process import ForkedProcess, ForkServer
from tests.support.locked_file import locked

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("launcher.py")
START_SECONDS = 90
STOP_SECONDS = 30
FIRST_PORT, LAST_PORT, MAX_WORKERS = 10_000, 32_000, 32
SETTING_PREFIXES = ("ANTLER_", "DEERAPI_", "DATABASE_", "STREAMLIT_")
OWN_LIFELINE = "-"
# Set in a test run: what starts the servers of the program itself.
fork_server: ForkServer | None = None


def free_port() -> int:
    """Return a free port that nothing else takes before its server does.

    It is below those that the system gives to connections, and each worker process of a test run has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(FIRST_PORT + worker % MAX_WORKERS, LAST_PORT, MAX_WORKERS)
    while True:
        # Not in an order that a test run has set.
        port = choice(ports)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def own_environment() -> dict[str, str]:
    """Return the environment of a server of the tests, without settings of the machine."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
    # Endless answers are among those that run at the end of a test.
    environ["ANTLER_DRAIN_SECONDS"] = "0"
    return environ


def find_files(folder: Path, text: bytes) -> list[Path]:
    """Return the files below the folder of a server that contain a text; its database and its log must be there."""
    names, found = set(), []
    for parent, _, files in os.walk(folder):
        for name in files:
            # The server removes some of its files meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if text in Path(parent, name).read_bytes():
                    found.append(Path(parent, name))
                names.add(name)
    assert {"antler.db", "log.txt"} <= names
    return found


@dataclass(frozen=True)
class ServerAddress:
    """A running server: its port, and the folder that holds its database and its log."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


class AppServer:
    """A running server, with `folder` as its working directory: no local secret or database takes part.

    The server process is killed when this process ends, or when nobody holds the named pipe `lifeline`.
    `program` is the folder of app.py; another one than that of the tests is loaded anew.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        secrets: str = "",
        *,
        program: Path = ROOT,
        lifeline: str = OWN_LIFELINE,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._settings = settings
        self._program = program
        self._lifeline = lifeline
        self._is_fresh = program != ROOT
        if secrets:
            self._secrets_file.parent.mkdir(exist_ok=True)
            self._secrets_file.write_text(secrets, encoding="utf-8")
        self._process = self._start()

    @property
    def url(self) -> str:
        return ServerAddress(self.folder, self.port).url

    @property
    def log(self) -> Path:
        return ServerAddress(self.folder, self.port).log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def _secrets_file(self) -> Path:
        return self.folder / ".streamlit/secrets.toml"

    def _start(self) -> subprocess.Popen[bytes] | ForkedProcess:
        """Start the process, and return it when it answers."""
        with self.log.open("ab") as log:
            process = self._start_process(log)
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return process

    def _start_process(self, log: BinaryIO) -> subprocess.Popen[bytes] | ForkedProcess:
        environ = own_environment()
        options = {
            "server.port": self.port,
            "server.address": "127.0.0.1",
            "server.fileWatcherType": "none",
            "server.headless": "true",
            "browser.gatherUsageStats": "false",
            "secrets.files": self._secrets_file,
        }
        arguments = [self._lifeline, "streamlit", "run", str(self._program / "app.py")]
        arguments += [f"--{name}={value}" for name, value in options.items()]
        environ |= self._settings
        if fork_server and not self._is_fresh:
            return fork_server.start(arguments, environ, self.folder, log.fileno())
        return subprocess.Popen(
            [sys.executable, LAUNCHER, *arguments],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.PIPE if self._lifeline == OWN_LIFELINE else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def _is_healthy(self) -> bool:
        base = self._settings.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
        try:
            with urllib.request.urlopen(f"{self.url}{base}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def terminate(self) -> None:
        """Send SIGTERM; the server ends when its answers have."""
        self._process.terminate()

    def wait(self) -> int:
        """Wait for the end of the process; return its exit code."""
        return self._process.wait(START_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def restart(self) -> None:
        """Start again, on the same port and files, a server that has ended."""
        self._process = self._start()

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


class ServerPool:
    """Servers that all worker processes of a test run share, one for each name, started when first asked for.

    They live as long as the process that opened the pool.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def _lifeline(self) -> Path:
        return self.folder / "lifeline"

    def open(self) -> int:
        """Create the lifeline of the servers; return the descriptor whose end ends them."""
        os.mkfifo(self._lifeline)
        # For reading as well: to open a pipe for writing alone waits for a reader.
        return os.open(self._lifeline, os.O_RDWR)

    def get(self, name: str, settings: Mapping[str, str], secrets: str = "") -> ServerAddress:
        """Return the app of this name, and start it where no other worker has."""
        folder = self.folder / name

        def start() -> int:
            return AppServer(folder, settings, secrets, lifeline=str(self._lifeline)).port

        return ServerAddress(folder, self._get_port(name, start))

    def get_fake_gateway(self, pace: float) -> str:
        """Return the URL of a fake gateway of this pace, and start it where no other worker has."""
        name = f"fake-gateway-{pace:g}"
        return f"http://127.0.0.1:{self._get_port(name, lambda: self._start_fake_gateway(name, pace))}"

    def _get_port(self, name: str, start: Callable[[], int]) -> int:
        port_file = self.folder / f"{name}.port"
        with locked(self.folder / f"{name}.lock"):
            if not port_file.exists():
                port_file.write_text(str(start()))
        return int(port_file.read_text())

    def _start_fake_gateway(self, name: str, pace: float) -> int:
        command = [sys.executable, LAUNCHER, self._lifeline, "tests.fake_gateway", f"--pace={pace}"]
        started = self.folder / f"{name}.started"
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, f"--port-file={started}"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not started.exists():
            assert process.poll() is None, f"{name} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{name} did not start"
            time.sleep(0.05)
        return int(started.read_text())
