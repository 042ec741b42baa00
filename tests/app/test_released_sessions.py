"""Closed pages leave nothing in the process: no session, no thread, no socket."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.app.test_serving import get
from tests.app.users import SECRET
from tests.app.websocket_client import open_websocket, receive_run, rerun_message
from tests.support.app_server import AppServer

PAGES, ROUNDS = 6, 3
WAIT_SECONDS = 200
# Pools of threads and connections grow to a limit, whatever the number of pages; a leak is as large as that number.
SLACK = PAGES


def usage(app: AppServer) -> dict[str, int]:
    """Return the number of sessions, threads and sockets of a process."""
    metrics = get(f"{app.url}/metrics")[1]
    counts = {
        name: int(float(re.search(rf"^antler_sessions_{name} (\S+)", metrics, re.MULTILINE)[1]))
        for name in ("connected", "disconnected")
    }
    process = Path(f"/proc/{app.pid}")
    return {
        **counts,
        "threads": len(list((process / "task").iterdir())),
        "sockets": sum(is_socket(link) for link in (process / "fd").iterdir()),
    }


def is_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except OSError:
        return False


def open_and_close(app: AppServer) -> None:
    """Open pages at the same time, and close them as a browser closes a tab."""
    headers = {"X_Antler_Proxy": SECRET}
    with ExitStack() as stack:
        pages = [
            stack.enter_context(open_websocket(app, **headers, X_Forwarded_Email=f"u{number}@example.com"))
            for number in range(PAGES)
        ]
        for page in pages:
            page.send(rerun_message())
            receive_run(page)
        assert usage(app)["connected"] == PAGES
        for page in pages:
            page.close(1001)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it reads /proc, which Linux has")
def test_closed_pages_release_their_sessions_threads_and_sockets(tmp_path):
    settings = {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_MODELS_DEV_URL": "off"}
    app = AppServer(tmp_path, settings)
    try:
        before = usage(app)
        for _ in range(ROUNDS):
            open_and_close(app)
        limits = {name: count + SLACK for name, count in before.items()} | {"connected": 0, "disconnected": 0}
        after: dict[str, int] = {}

        def is_released() -> bool:
            after.update(usage(app))
            return all(after[name] <= limit for name, limit in limits.items())

        deadline = time.monotonic() + WAIT_SECONDS
        while not is_released():
            assert time.monotonic() < deadline, (before, after)
            time.sleep(0.1)
    finally:
        app.close()
