"""Several processes behind nginx on one machine, as `make serve` starts them."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.app.users import SECRET
from tests.app.websocket_client import ask, open_websocket_at
from tests.support.app_server import ROOT, SETTING_PREFIXES, free_port
from tests.support.fleet import get_status

WAIT_SECONDS = 200


class Machine:
    """The supervisor as a process, its log, and the ports of nginx and of the processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, *self.ports = (free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{self.port}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
        access = {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_MODELS_DEV_URL": "off"}
        ports = [str(port) for port in self.ports]
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.serve", f"--port={self.port}", "--ports", *ports],
                cwd=folder,
                env={**environ, **access, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def _log_file(self) -> Path:
        return self.folder / "log.txt"

    @property
    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    def pids(self) -> list[int]:
        """Return the newest process of each port."""
        found = dict(re.findall(r"^Port (\d+): process (\d+)$", self.log, re.MULTILINE))
        return [int(found[str(port)]) for port in self.ports if str(port) in found]

    def health(self, number: int) -> str:
        """Return the address of the health check of one process."""
        return f"http://127.0.0.1:{self.ports[number]}/health"

    def outcomes(self) -> list[str]:
        """Return the outcomes of all answers in the database of both processes."""
        with closing(sqlite3.connect(self.folder / "data/antler.db")) as database:
            return [row[0] for row in database.execute("SELECT outcome FROM node WHERE role = 'assistant'")]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WAIT_SECONDS)
        # Those that ignore the end of the supervisor, if any.
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)


@pytest.fixture
def machine(tmp_path) -> Iterator[Machine]:
    started = Machine(tmp_path)
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_processes_share_a_database_restart_without_losing_an_answer_and_end_with_the_supervisor(machine):
    machine.wait_until(lambda: "2 processes are ready" in machine.log)
    assert get_status(f"{machine.url}/metrics") == 404
    first = machine.pids()

    # One after the other, each after its answers: one of them has this one.
    with open_websocket_at(machine.url, X_Antler_Proxy=SECRET, X_Forwarded_Email="ann@example.com") as websocket:
        ask(websocket, "Take your time", "model=demo-slow&wire=openai")
        machine.wait_until(lambda: bool(machine.outcomes()))
        machine.process.send_signal(signal.SIGHUP)
        statuses = set()

        def has_restarted() -> bool:
            # A process that starts accepts connections before it answers.
            statuses.add(get_status(f"{machine.url}/health", WAIT_SECONDS))
            return "All processes were restarted" in machine.log

        machine.wait_until(has_restarted)
    assert statuses == {200}
    assert machine.outcomes() == ["complete"]
    assert not set(first) & set(machine.pids())

    # One that is killed is started again.
    killed = machine.pids()[0]
    os.kill(killed, signal.SIGKILL)
    machine.wait_until(lambda: machine.pids()[0] != killed and get_status(machine.health(0)) == 200)

    # However the supervisor ends, nothing is left.
    machine.process.kill()
    machine.process.wait()
    machine.wait_until(lambda: not any(get_status(machine.health(number)) for number in (0, 1)))
    machine.wait_until(lambda: not get_status(f"{machine.url}/health"))
