"""The Postgres server of the tests keeps its data over a restart, and ends with its process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres
from tests.support.postgres import Postgres

ROOT = Path(__file__).parents[3]
TIMEOUT = 60
# A process started in the background ignores SIGINT, and its children inherit that.
PROGRAM = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.support import postgres
postgres.shared_folder = Path(sys.argv[1])
with postgres.Postgres() as server:
    print(server.folder, server.create("antler"), flush=True)
    input()
"""


def test_data_survives_a_restart():
    with Postgres() as server:
        url = server.create("antler")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE saved AS SELECT 1 AS one")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT one FROM saved").fetchone() == (1,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not server.folder.exists()


def test_a_database_is_a_copy_of_its_template():
    with Postgres() as server:
        with psycopg.connect(server.create("original")) as connection:
            connection.execute("CREATE TABLE copied AS SELECT 1 AS one")
        with psycopg.connect(server.create("copy", template="original")) as connection:
            assert connection.execute("SELECT one FROM copied").fetchone() == (1,)
        server.drop("copy")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url("copy"))


def test_other_users_cannot_access_the_data():
    with Postgres() as server:
        assert server.folder.stat().st_mode & 0o077 == 0
        assert (server.folder / "data").stat().st_uid != 0


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_the_process_that_started_it(signal_number):
    command = [sys.executable, "-c", PROGRAM, str(postgres.shared_folder)]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, text=True, **options) as process:
        assert process.stdout
        folder, url = process.stdout.readline().split()
        psycopg.connect(url).close()
        pid = int((Path(folder) / "data/postmaster.pid").read_text().split()[0])
        process.send_signal(signal_number)
        try:
            process.wait(TIMEOUT)
        finally:
            process.kill()
    deadline = time.monotonic() + TIMEOUT
    while Path(folder).exists() or _is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    """Check for a process that is not a zombie."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False
