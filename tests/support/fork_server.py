"""A process that has loaded the program and forks its servers: loading takes longer than the rest of their start.

Usage: python -m tests.support.fork_server LIFELINE SOCKET. It ends when no process has the other end of the named pipe
LIFELINE open any more. Each connection to SOCKET brings the arguments of the launcher, the environment and the folder
of one server, and the files of its input and output; the answers are its process id, and its exit code when it ends.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

# The migrations of the empty databases that servers of tests begin with.
from alembic import command  # noqa: F401
from streamlit.components.v2 import manifest_scanner

# What `streamlit run` loads, beside the modules of the program.
from streamlit.web import bootstrap, cli  # noqa: F401
from streamlit.web.server.starlette import starlette_server  # noqa: F401

from lib import demo  # noqa: F401
from lib.ui.server import streamlit_private, warm_up
from tests.support import launcher

MAX_REQUEST = 1 << 20


def load_program() -> None:
    """Load what every server loads, and nothing that depends on its settings."""
    warm_up.import_all_modules()
    streamlit_private.load_data_frames()
    warm_up.load_texts()
    # The metadata of all installed packages, which each server reads.
    packages = manifest_scanner.scan_component_manifests()
    manifest_scanner.scan_component_manifests = lambda: packages
    gc.collect()
    gc.freeze()


class Forker:
    """The connections of all servers that run, and the loop that starts them and tells how they ended."""

    def __init__(self, lifeline: str, path: str) -> None:
        self._lifeline = os.open(lifeline, os.O_RDONLY)
        self._connections: dict[int, socket.socket] = {}
        self._signals, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{path}.new")
        self._listener.listen()
        # Clients connect as soon as the file has this name.
        Path(f"{path}.new").rename(path)

    def run(self) -> None:
        """Serve until the lifeline ends."""
        with selectors.DefaultSelector() as selector:
            for file in (self._lifeline, self._signals, self._listener):
                selector.register(file, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._lifeline in ready:
                    return
                if self._signals in ready:
                    os.read(self._signals, 1024)
                    self._report_ends()
                if self._listener in ready:
                    self._start_process(self._listener.accept()[0])

    def _report_ends(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                # The process that asked for it may have ended before.
                with self._connections.pop(ended[0]) as connection, suppress(OSError):
                    connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(ended[1]))

    def _start_process(self, connection: socket.socket) -> None:
        data, files, *_ = socket.recv_fds(connection, MAX_REQUEST, 2)
        while more := connection.recv(MAX_REQUEST):
            data += more
        pid = os.fork()
        if not pid:
            become(json.loads(data), files)
        for file in files:
            os.close(file)
        self._connections[pid] = connection
        with suppress(OSError):
            connection.sendall(b"%d\n" % pid)


def become(request: Mapping[str, Any], files: Sequence[int]) -> NoReturn:
    """Turn this process into the one of a request."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for number, file in enumerate((files[0], files[1], files[1])):
            os.dup2(file, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(request["environ"])
        time.tzset()
        os.chdir(request["folder"])
        lifeline, module, *arguments = request["arguments"]
        launcher.main(lifeline, module, arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  its log has to tell what no caller can
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not through the loop of the fork server.
        os._exit(code)


if __name__ == "__main__":
    load_program()
    Forker(*sys.argv[1:]).run()
