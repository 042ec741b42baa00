"""The tests' Postgres: it keeps its data over a stop, and ends with the process that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[3]
TIMEOUT = 60
# A background job of a shell inherits an ignored SIGINT.
SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.support.postgres import Postgres
with Postgres() as server:
    print(server.folder, server.url("antler"), flush=True)
    input()
"""


def test_data_survives_a_stop():
    with Postgres() as server:
        url = server.url("antler")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE saved AS SELECT 1 AS value")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start()
        with psycopg.connect(server.url("antler")) as connection:
            assert connection.execute("SELECT value FROM saved").fetchone() == (1,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not server.folder.exists()


def test_the_folder_is_private():
    with Postgres() as server:
        assert server.folder.stat().st_mode & 0o077 == 0
        assert (server.folder / "data").stat().st_uid != 0


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_the_process_that_started_it(signal_number):
    command = [sys.executable, "-c", SCRIPT]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, text=True, **options) as process:
        assert process.stdout
        folder, url = process.stdout.readline().split()
        psycopg.connect(url).close()
        pid = int((Path(folder) / "data/postmaster.pid").read_text().split()[0])
        process.send_signal(signal_number)
        process.wait(TIMEOUT)
    deadline = time.monotonic() + TIMEOUT
    while Path(folder).exists() or _is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
