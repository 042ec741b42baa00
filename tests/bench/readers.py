"""Memory of one process with twenty readers, each with an answer arriving.

.venv/bin/python -m tests.bench.readers
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import urllib.request
from pathlib import Path

from tests.bench.people import SPREAD, Reader, gateway_running
from tests.support.app_server import AppServer

READERS = (1, 5, 10, 20)
MOST = 690  # MB: what the smallest host has that Antler is meant for
RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)", re.MULTILINE)


def resident(app: AppServer) -> float:
    """MB that the process holds now, as it tells itself."""
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=60) as answer:
        found = RESIDENT.search(answer.read().decode())
    assert found, "no figure for memory on this system"
    return float(found[1]) / 1e6


async def _most(app: AppServer, people: int) -> float:
    """MB at most, while so many people have the page open and an answer arriving."""
    ready = asyncio.Barrier(people)
    readers = [Reader(app.url, f"p{people}-{number}") for number in range(people)]
    reading = asyncio.gather(
        *(reader.read(ready, SPREAD * place / people) for place, reader in enumerate(readers))
    )
    most = 0.0
    while not reading.done():
        most = max(most, await asyncio.to_thread(resident, app))
        await asyncio.sleep(0.5)
    await reading
    return most


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, gateway_running() as settings:
        app = AppServer(Path(folder), settings)
        try:
            print(f"| readers | MB at most |\n|---|---|\n| 0 | {resident(app):.0f} |", flush=True)
            for people in READERS:
                most = asyncio.run(_most(app, people))
                print(f"| {people} | {most:.0f} |", flush=True)
            assert most < MOST
        finally:
            app.close()


if __name__ == "__main__":
    main()
