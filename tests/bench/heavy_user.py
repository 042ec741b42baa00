"""Lag of tokens and clicks of one user, alone and beside another user who does the worst that the page allows.

.venv/bin/python -m tests.bench.heavy_user

The heavy user has the maximum of running answers, each a text that is expensive to render, reads them all, and
searches a history of long messages as fast as the page responds. Both use one process, and speak Streamlit's protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.store import Store
from tests.bench.concurrent_users import RATE, access_settings
from tests.bench.gateway import TIMES, question, running_gateway
from tests.bench.tab import open_tab
from tests.support.app_server import AppServer

ROUNDS = 2  # with and without the heavy user, in turns
DURATION = 8  # seconds of the measured answer
HEAVY_ANSWERS = 10
HISTORY, MESSAGE_LENGTH = 100, 10_000
PIECE, PIECES_PER_SECOND = 400, 10  # characters of a heavy delta
# Small texts that cost a renderer much, one after the other.
HEAVY_TEXT = "".join(
    [
        "|" + "a|" * 90 + "\n|" + "-|" * 90 + "\n" + ("|" + "**b**|" * 90 + "\n") * 20 + "\n",
        *(f"{'  ' * level}- item `x` $y_{level}$\n" for level in range(30)),
        "\n$$\n\\begin{matrix}" + ("a & " * 30 + "b \\\\\n") * 30 + "\\end{matrix}\n$$\n\n",
        "*a **b _c_ [d](https://e.com/" * 60 + "\n\n",
        "```python\n" + "x = [1, 2, (3), {4: 5}] + f(a, b)\n" * 80 + "```\n\n",
    ]
)


async def measure(url: str, number: int) -> tuple[list[float], list[float]]:
    """Return the sorted lags of the tokens of an answer, and of clicks in another tab."""
    clicks: list[float] = []
    async with open_tab(url, f"user{number}") as reading, open_tab(url, f"user{number}") as clicking:
        await reading.run(question(RATE * DURATION, RATE, TIMES), waits=False)
        end = time.monotonic() + DURATION + 1
        while time.monotonic() < end:
            clicks.append(await clicking.run())
            await asyncio.sleep(0.3)
        for _ in range(600):
            if len(reading.lags) >= RATE * DURATION:
                break
            await asyncio.sleep(0.1)
    return sorted(reading.lags), sorted(clicks)


def run_heavy_user(url: str, ready: Event, stop: Event) -> None:
    """Be heavy in a process of its own, in which the other user's messages do not wait."""
    asyncio.run(be_heavy(url, ready, stop))


async def be_heavy(url: str, ready: Event, stop: Event) -> None:
    """Ask for the maximum of answers, read them, and search until `stop`."""
    searches = 0
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(HEAVY_ANSWERS):
            tab = await stack.enter_async_context(open_tab(url, "heavy"))
            await tab.run(question(100_000, PIECES_PER_SECOND, "heavy text"), waits=False)
        searching = await stack.enter_async_context(open_tab(url, "heavy"))
        ready.set()
        while not stop.is_set():
            await searching.run(search=f"word{searches % 50} number")
            searches += 1
    print(f"searches: {searches}", file=sys.stderr)


@contextmanager
def running_server() -> Iterator[str]:
    pieces = [HEAVY_TEXT[start : start + PIECE] for start in range(0, len(HEAVY_TEXT), PIECE)]
    with running_gateway({"heavy text": pieces}) as gateway, tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/bench.db"
        store = Store(database)
        seed_history(store)
        store.close()
        server = AppServer(Path(folder) / "app", {**access_settings(gateway), "DATABASE_URL": database})
        yield server.url
        server.close()


def seed_history(store: Store) -> None:
    """Store long messages of the heavy user, who signs in by the proxy's header."""
    text = " ".join(f"word{number % 997} number" for number in range(MESSAGE_LENGTH // 14))
    records = []
    for number in range(HISTORY):
        node = Node(f"n{number}", None, Message("user", (TextPart(text),)), float(number))
        records.append((Conversation(f"c{number}", f"Chat {number}", float(number), node.id), [node]))
    store.conversations.import_all("proxy:heavy@example.com", records)


async def compare(url: str) -> None:
    alone: list[tuple[list[float], list[float]]] = []
    beside: list[tuple[list[float], list[float]]] = []
    for number in range(ROUNDS):
        alone.append(await measure(url, 2 * number))
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        heavy = multiprocessing.Process(target=run_heavy_user, args=(url, ready, stop), daemon=True)
        heavy.start()
        await asyncio.to_thread(ready.wait, 120)
        beside.append(await measure(url, 2 * number + 1))
        stop.set()
        await asyncio.to_thread(heavy.join, 120)
    print("| | alone, ms | beside a heavy user, ms | ratio |\n|---|--:|--:|--:|")
    for index, name in enumerate(("token lag", "click")):
        for label, share in (("median", 0.5), ("95th percentile", 0.95)):
            values = [
                statistics.median(round_[index][int((len(round_[index]) - 1) * share)] for round_ in rounds)
                for rounds in (alone, beside)
            ]
            print(f"| {name}, {label} | {values[0]:.0f} | {values[1]:.0f} | {values[1] / values[0]:.2f} |", flush=True)


if __name__ == "__main__":
    with running_server() as server_url:
        asyncio.run(compare(server_url))
