"""Servers shared by worker processes: started once, and ended with the process that opened the pool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.app_server import ServerPool
from tests.support.replay import soon

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
from pathlib import Path
from tests.support.app_server import ServerPool
pool = ServerPool(Path(sys.argv[1]))
lifeline = pool.open()
print(pool.get_fake_gateway(20), flush=True)
input()
"""


def responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_two_workers_get_the_same_server(tmp_path):
    lifeline = ServerPool(tmp_path).open()
    try:
        urls = {ServerPool(tmp_path).get_fake_gateway(20) for _ in range(2)}
        assert len(urls) == 1
        assert responds(urls.pop())
    finally:
        os.close(lifeline)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_the_process_that_opened_the_pool(tmp_path, signal_number):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert responds(url)
        process.send_signal(signal_number)
        process.wait(60)
    assert soon(lambda: not responds(url))
