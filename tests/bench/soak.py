"""Memory, threads, sockets and files of one process under users who come, ask, stop, switch and drop for a long time.

.venv/bin/python -m tests.bench.soak [minutes [users]]

It fails if what closed pages leave behind is not released, or if memory still grows in the second half.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from tests.bench.concurrent_users import access_settings
from tests.bench.gateway import question, running_gateway
from tests.bench.tab import Tab, open_tab
from tests.support.app_server import AppServer

MINUTES, USERS = 30.0, 20
TOKENS, RATE = 600, 50  # of an answer, and tokens a second
SAMPLES = 12  # rows of the table
PAUSE = (0.5, 4.0)  # seconds between two actions of a user
RELEASE_SECONDS = 30  # after which closed pages have left nothing
GROWTH = 1.1  # of memory from the third to the last quarter
# In which sessions end whose connection was lost, which their pages may resume for two minutes.
HELD_SECONDS = 150
# Pools of threads and connections grow to a limit that does not depend on the pages: one of five connections to SQLite
# has three files for each.
SLACK = 20
METRICS = {
    "memory, MB": ("process_resident_memory_bytes", 1e6),
    "open files": ("process_open_fds", 1),
    "pages": ("antler_sessions_connected", 1),
    "disconnected": ("antler_sessions_disconnected", 1),
    "answers": ("antler_answers_running", 1),
}


@dataclass(frozen=True)
class Sample:
    """The state of the process, by name."""

    minutes: float
    values: dict[str, float]

    def row(self) -> str:
        return f"| {self.minutes:.1f} | " + " | ".join(f"{value:.0f}" for value in self.values.values()) + " |"


def take_sample(app: AppServer, started_at: float) -> Sample:
    """Read the metrics of the process, and its threads and sockets from the system."""
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=120) as response:
        text = response.read().decode()
    values = {}
    for name, (metric, unit) in METRICS.items():
        match = re.search(rf"^{metric} (\S+)", text, re.MULTILINE)
        assert match, f"no {metric} on this system"
        values[name] = float(match[1]) / unit
    process = Path(f"/proc/{app.pid}")
    links = []
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            links.append(str(descriptor.readlink()))
    values["threads"] = float(len(list((process / "task").iterdir())))
    values["sockets"] = float(sum(link.startswith("socket:") for link in links))
    return Sample((time.monotonic() - started_at) / 60, values)


class User:
    """A user who does something at random until `end`."""

    def __init__(self, url: str, number: int, end: float) -> None:
        self._url, self._name, self._end = url, f"soak{number}", end
        self._random = random.Random(number)
        self.actions = 0

    async def live(self) -> None:
        """Open one tab or two, act in them, and close or drop them, again and again."""
        while time.monotonic() < self._end:
            try:
                await self._visit()
            except (OSError, TimeoutError, ConnectionClosed) as error:
                print(f"{self._name}: {type(error).__name__}", flush=True)

    async def _visit(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            tabs = [
                await stack.enter_async_context(open_tab(self._url, self._name))
                for _ in range(self._random.choice((1, 1, 2)))
            ]
            for _ in range(self._random.randint(3, 12)):
                if time.monotonic() > self._end:
                    return
                await self._act(self._random.choice(tabs))
                await asyncio.sleep(self._random.uniform(*PAUSE))
            if self._random.random() < 0.3:
                for tab in tabs:
                    tab.drop()

    async def _act(self, tab: Tab) -> None:
        """Ask, stop, start a new chat, or load the page again while an answer may be arriving."""
        self.actions += 1
        match self._random.choices(("ask", "stop", "new", "load"), (5, 3, 2, 2))[0]:
            case "ask":
                await tab.run(question(TOKENS, RATE), waits=False)
            case "stop" if tab.has_button("stop"):
                await tab.press("stop")
            case "new" if tab.has_button("new"):
                await tab.press("new")
            case _:
                await tab.run(waits=False)


async def run_users(app: AppServer, minutes: float, count: int) -> list[Sample]:
    """Let the users act, and return samples of the process, the last two after all have left."""
    started_at = time.monotonic()
    end = started_at + minutes * 60
    users = [User(app.url, number, end) for number in range(count)]
    living = asyncio.gather(*(user.live() for user in users))
    samples = []
    for number in range(1, SAMPLES + 1):
        await asyncio.sleep(max(0.0, started_at + number * minutes * 60 / SAMPLES - time.monotonic()))
        samples.append(await asyncio.to_thread(take_sample, app, started_at))
        print(samples[-1].row(), flush=True)
        if living.done():
            # At once, and not after half an hour.
            living.result()
    await living
    # The answers of the last questions end by themselves.
    while (await asyncio.to_thread(take_sample, app, started_at)).values["answers"]:
        await asyncio.sleep(1)
    for seconds in (RELEASE_SECONDS, HELD_SECONDS):
        await asyncio.sleep(seconds)
        samples.append(await asyncio.to_thread(take_sample, app, started_at))
        print(samples[-1].row(), flush=True)
    print(f"\n{sum(user.actions for user in users)} actions", flush=True)
    return samples


def check(first: Sample, samples: list[Sample]) -> None:
    """Raise AssertionError if something was left behind, or if memory has not become flat."""
    released, last = samples[-2].values, samples[-1].values
    assert released["pages"] == 0
    for name in ("threads", "sockets", "open files"):
        limit = first.values[name] + SLACK
        assert released[name] <= limit, f"{name}: {first.values[name]:.0f}, then {released[name]:.0f}"
    assert last["disconnected"] == 0
    quarter = SAMPLES // 4
    third, fourth = (
        statistics.median(sample.values["memory, MB"] for sample in samples[start : start + quarter])
        for start in (2 * quarter, 3 * quarter)
    )
    assert fourth <= third * GROWTH, f"memory still grows: {third:.0f} MB, then {fourth:.0f} MB"


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    count = int(sys.argv[2]) if len(sys.argv) > 2 else USERS
    with tempfile.TemporaryDirectory() as folder, running_gateway() as gateway:
        app = AppServer(Path(folder), access_settings(gateway))
        try:
            asyncio.run(open_once(app))
            first = take_sample(app, time.monotonic())
            print(f"| minutes | {' | '.join(first.values)} |\n{'|---' * (1 + len(first.values))}|\n{first.row()}")
            check(first, asyncio.run(run_users(app, minutes, count)))
        finally:
            app.close()


async def open_once(app: AppServer) -> None:
    """Let the process load what its first page needs."""
    async with open_tab(app.url, "first"):
        pass


if __name__ == "__main__":
    main()
