"""Peak memory of one process with up to twenty users, each with an answer arriving.

.venv/bin/python -m tests.bench.memory
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import urllib.request
from pathlib import Path

from tests.bench.concurrent_users import access_settings, measure_lags
from tests.bench.gateway import running_gateway
from tests.support.app_server import AppServer

USER_COUNTS = (1, 5, 10, 20)
MAX_MEMORY = 690  # MB of the smallest supported host
RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)", re.MULTILINE)


def resident_memory(app: AppServer) -> float:
    """Resident memory of the app in MB, from its metrics."""
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=60) as response:
        match = RESIDENT.search(response.read().decode())
    assert match, "no memory metric on this system"
    return float(match[1]) / 1e6


async def peak_memory(app: AppServer, user_count: int) -> float:
    """Peak memory in MB while so many users have an answer arriving."""
    answers = asyncio.create_task(measure_lags(app.url, user_count))
    peak = 0.0
    while not answers.done():
        peak = max(peak, await asyncio.to_thread(resident_memory, app))
        await asyncio.sleep(0.5)
    await answers
    return peak


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_gateway() as gateway:
        app = AppServer(Path(folder), access_settings(gateway))
        try:
            print(f"| users | peak MB |\n|---|---|\n| 0 | {resident_memory(app):.0f} |", flush=True)
            for user_count in USER_COUNTS:
                peak = asyncio.run(peak_memory(app, user_count))
                print(f"| {user_count} | {peak:.0f} |", flush=True)
            assert peak < MAX_MEMORY
        finally:
            app.close()


if __name__ == "__main__":
    main()
