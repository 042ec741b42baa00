"""Processes that the fork server of a test run has started."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tests.support.locked_file import locked

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


class ForkedProcess:
    """A process, with the methods of `subprocess.Popen` that the tests use.

    Its standard input ends when this process does, or this object.
    """

    def __init__(self, connection: socket.socket, stdin: BinaryIO) -> None:
        self._connection = connection
        self._stdin = stdin
        self.returncode: int | None = None
        self.pid = self._read_number()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while the process runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._connection, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self.returncode = self._read_number()
            self._connection.close()
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _read_number(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            data = self._connection.recv(1)
            assert data, "the fork server has ended"
            line += data
        return int(line)


class ForkServer:
    """The fork server that all workers of a test run share; `folder` is that of their pool of servers.

    The first start of a process starts it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "fork-server"
        self._log = folder / "fork-server.log"

    def start(self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, log: int) -> ForkedProcess:
        """Start a process in a folder, by the arguments of the launcher."""
        with locked(self._folder / "fork-server.lock"):
            if not self._socket.exists():
                self._start_server()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._socket))
        request = {"arguments": list(arguments), "environ": dict(environ), "folder": str(folder)}
        stdin, writer = os.pipe()
        try:
            socket.send_fds(connection, [b"\n"], [stdin, log])
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
        finally:
            os.close(stdin)
        return ForkedProcess(connection, os.fdopen(writer, "wb"))

    def _start_server(self) -> None:
        command = [sys.executable, "-m", "tests.support.fork_server", self._folder / "lifeline", self._socket]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                # Threads of numpy's would not be in the processes.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._socket.exists():
            assert process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)
