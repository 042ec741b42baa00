"""Processes of the fork server: their output, their exit codes, and their end with the process that asked for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support import app_server
from tests.support.forked_process import ForkedProcess
from tests.support.replay import soon

WAIT_SECONDS = 200
WAITER = """
import os, sys
print(os.getcwd(), os.environ["NAME"], *sys.argv[1:], flush=True)
sys.stdin.read() if sys.argv[1:] else sys.exit(7)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, all servers load the program anew")


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "log.txt"


def start(log: Path, *arguments: str) -> ForkedProcess:
    """Start a process that waits for the end of its input, or fails without an argument."""
    (log.parent / "waiter.py").write_text(WAITER)
    assert app_server.fork_server
    with log.open("wb") as output:
        return app_server.fork_server.start(["-", "waiter", *arguments], {"NAME": "value"}, log.parent, output.fileno())


def is_running(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")  # noqa: PTH110


def test_a_process_has_its_own_environment_folder_arguments_and_exit_code(log):
    process = start(log)
    assert process.wait(WAIT_SECONDS) == process.poll() == 7
    assert log.read_text() == f"{log.parent} value\n"
    assert "waiter" not in sys.modules


def test_a_process_ends_by_a_signal(log):
    for send, code in ((ForkedProcess.terminate, -15), (ForkedProcess.kill, -9)):
        process = start(log, "one", "two")
        assert soon(lambda: log.read_text() == f"{log.parent} value one two\n")
        assert process.poll() is None
        send(process)
        assert process.wait(WAIT_SECONDS) == code


def test_a_process_ends_with_the_one_that_asked_for_it(log):
    process = start(log, "one")
    pid = process.pid
    assert soon(lambda: bool(log.read_text())) and is_running(pid)
    del process
    assert soon(lambda: not is_running(pid))


def test_a_failure_is_in_the_log(log):
    assert app_server.fork_server
    with log.open("wb") as output:
        process = app_server.fork_server.start(["-", "missing_module"], {}, log.parent, output.fileno())
    assert process.wait(WAIT_SECONDS) == 1
    assert "missing_module" in log.read_text()
