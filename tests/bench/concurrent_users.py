"""Readers whose tokens arrive in time: an Antler process, four of them, and a naive app take turns on one machine.

.venv/bin/python -m tests.bench.concurrent_users [--rounds 3] [--quick]

Each user reads a long answer of realistic Markdown, meanwhile opens a second page, and asks there. The number of users
is doubled until 5 % of the tokens are more than MAX_LAG late, and then narrowed down. Gateway and users run on the same
cores. Users speak Streamlit's websocket protocol: browsers would need more CPU than servers.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lib.config.auth import AccessSettings, user_from_proxy
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.user import User
from lib.storage.store import Store
from tests.bench.gateway import question, running_gateway, times_in
from tests.bench.naive_server import start_naive
from tests.bench.tab import SECRET, open_tab, proxy_headers
from tests.browser.conftest import KEY
from tests.browser.history_seed import build_turns
from tests.support.app_server import ROOT, START_SECONDS, AppServer, free_port, own_environment
from tests.support.fleet import get_status

MAX_LAG = 250  # milliseconds, 95th percentile
NEVER = 60_000.0  # milliseconds: the lag of a token that has not come
RATE, DURATION = 50, 12  # tokens per second of each answer, seconds
ARRIVAL_SPREAD = 5.0  # seconds over which the users' questions are spread
SECOND_PAGE_AFTER = 4.0  # seconds after a user's question
LATEST = 30.0  # seconds after its last token in which an answer is still waited for
SETTLE_TIME = 2.0  # seconds in which a page renders the rest after its answer
FIRST_COUNT, LAST_COUNT, PRECISION = 8, 256, 8  # users; the limit is known to an eighth
HISTORY = 20  # conversations of each user
PROCESSES = 4


async def be_user(url: str, name: str, ready: asyncio.Barrier, delay: float) -> list[float]:
    """Open a page, ask `delay` seconds after all users have, and return the lags of the answer."""
    async with open_tab(url, name) as tab:
        await asyncio.sleep(SETTLE_TIME)
        await ready.wait()
        await asyncio.sleep(delay)
        await tab.run(question(RATE * DURATION, RATE), waits=False)
        second = asyncio.create_task(use_second_page(url, name))
        count, end = times_in(RATE * DURATION), time.monotonic() + DURATION + LATEST
        while len(tab.lags) < count and time.monotonic() < end:
            await asyncio.sleep(0.1)
        await second
        return tab.lags + [NEVER] * (count - len(tab.lags))


async def use_second_page(url: str, name: str) -> None:
    """Open a page beside an arriving answer, and ask for a short one."""
    await asyncio.sleep(SECOND_PAGE_AFTER)
    async with open_tab(url, name) as tab:
        await tab.run("A short question", waits=False)
        await asyncio.sleep(SETTLE_TIME)


async def measure_lags(url: str, user_count: int) -> list[float]:
    """Sorted lags of all tokens of so many concurrent users, in milliseconds."""
    ready = asyncio.Barrier(user_count)
    lags = await asyncio.wait_for(
        asyncio.gather(
            *(
                be_user(url, f"user{number}", ready, ARRIVAL_SPREAD * number / user_count)
                for number in range(user_count)
            )
        ),
        300,
    )
    return sorted(lag for each in lags for lag in each)


class Limit:
    """Search for the largest number of users of a server whose tokens are in time."""

    def __init__(self, url: str, precision: int, rounds: int) -> None:
        self._url = url
        self._precision, self._rounds = precision, rounds
        self._failed = LAST_COUNT + 1
        self.next = FIRST_COUNT
        self.passed = 0
        self.result = (0.0, 0.0)

    def is_known(self) -> bool:
        return self._failed - self.passed <= max(1, self.passed // self._precision)

    def step(self) -> str:
        """Measure with the next number of users; return a line about it."""
        count, lags = self.next, []
        for _ in range(self._rounds):
            lags.append(asyncio.run(measure_lags(self._url, count)))
        median = statistics.median(statistics.median(each) for each in lags)
        p95 = statistics.median(each[int(len(each) * 0.95)] for each in lags)
        if p95 > MAX_LAG:
            self._failed = count
        else:
            self.passed, self.result = count, (median, p95)
        doubled = 2 * count if self._failed > LAST_COUNT else LAST_COUNT
        self.next = min(doubled, LAST_COUNT, (self.passed + self._failed) // 2)
        return f"{count} users, lag {median:.0f} ms, p95 {p95:.0f} ms"


def seed_history(database: str, users: int) -> None:
    """Store conversations of each user, who signs in by the proxy's header."""
    store = Store(database)
    for user in range(users):
        records = []
        for number in range(HISTORY):
            nodes: list[Node] = []
            for index, text in enumerate(build_turns(3)):
                message = Message("assistant" if index % 2 else "user", (TextPart(text),))
                parent = nodes[-1].id if nodes else None
                nodes.append(Node(f"n{user}-{number}-{index}", parent, message, float(number)))
            records.append((Conversation(f"c{user}-{number}", f"Chat {number}", float(number), nodes[-1].id), nodes))
        store.conversations.import_all(_owner_of(f"user{user}"), records)
    store.close()


def _owner_of(name: str) -> str:
    """Return the id under which the server stores what a user of `open_tab` owns."""
    access = AccessSettings("proxy", proxy_secret=SECRET)
    user = user_from_proxy(lambda header: [proxy_headers(name)[header]], access)
    assert isinstance(user, User)
    return user.id


def access_settings(gateway: str) -> dict[str, str]:
    """Return the settings of an Antler that signs users in by the headers of a proxy."""
    return {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": gateway,
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
    }


@contextmanager
def running_processes(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Run `make serve` with four processes; yields the URL of their proxy."""
    port = free_port()
    command = [sys.executable, "-m", "deploy.serve", f"--workers={PROCESSES}", f"--port={port}", "--ports"]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(str(free_port()) for _ in range(PROCESSES))],
            cwd=ROOT,
            env={**own_environment(), **settings},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while get_status(f"{url}/health") != 200:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each number of users")
    parser.add_argument("--quick", action="store_true", help="find the limit to a half only")
    options = parser.parse_args()
    precision = 2 if options.quick else PRECISION
    with tempfile.TemporaryDirectory() as name, running_gateway() as gateway, ExitStack() as stack:
        folder, settings = Path(name), access_settings(gateway)
        databases = [f"sqlite:///{folder}/{kind}.db" for kind in ("one", "many")]
        for database in databases:
            seed_history(database, LAST_COUNT)
        naive = start_naive(folder / "naive", gateway)
        stack.callback(naive.close)
        single = AppServer(folder / "one", {**settings, "DATABASE_URL": databases[0]})
        stack.callback(single.close)
        many = stack.enter_context(running_processes(folder, {**settings, "DATABASE_URL": databases[1]}))
        urls = {"naive": naive.url, "Antler": single.url, f"Antler, {PROCESSES} processes": many}
        limits = {name: Limit(url, precision, options.rounds) for name, url in urls.items()}
        while unknown := {name: limit for name, limit in limits.items() if not limit.is_known()}:
            for name, limit in unknown.items():
                print(f"{name}: {limit.step()}", flush=True)
    print("\n| server | readers | ratio | median and 95th percentile lag, ms |\n|---|--:|--:|--:|")
    base = max(1, limits["naive"].passed)
    for name, limit in limits.items():
        median, p95 = limit.result
        print(f"| {name} | {limit.passed} | {limit.passed / base:.2f} | {median:.0f}, {p95:.0f} |")


if __name__ == "__main__":
    main()
