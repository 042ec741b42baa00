"""The tests' own Postgres: it keeps what it has over a stop, and is gone however its process ends."""

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
PATIENCE = 60
STARTS = """
from tests.support.postgres import Postgres
with Postgres() as server:
    print(server.folder, server.url("antler"), flush=True)
    input()
"""


def test_it_comes_back_with_what_is_in_it():
    with Postgres() as server:
        url = server.url("antler")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start()
        with psycopg.connect(server.url("antler")) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not server.folder.exists()


def test_what_it_has_is_closed_to_others():
    with Postgres() as server:
        assert server.folder.stat().st_mode & 0o077 == 0
        assert (server.folder / "data").stat().st_uid != 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_started_it(how):
    command = [sys.executable, "-c", STARTS]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, text=True, **options) as process:
        assert process.stdout
        folder, url = process.stdout.readline().split()
        psycopg.connect(url).close()
        pid = int((Path(folder) / "data/postmaster.pid").read_text().split()[0])
        process.send_signal(how)
        process.wait()
    deadline = time.monotonic() + PATIENCE
    while Path(folder).exists() or _runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether the process is there, and not just waiting to be counted as ended."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
