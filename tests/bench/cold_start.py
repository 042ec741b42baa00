"""Time from the start of the program to its page in a browser that waits for it, beside a naive chat in the same run.

.venv/bin/python -m tests.bench.cold_start [ROUNDS]

All values are medians: until the server answers, until the message input of the first page is shown, the same for a
second browser that comes then, and the CPU time of the server until the first page is shown.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench.gateway import running_gateway
from tests.bench.naive_server import start_naive
from tests.bench.page_speed import cpu_seconds
from tests.browser.chat_page import COMPOSER
from tests.browser.chromium import launch
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer

ROUNDS = 5
ENABLED = "selector => { const box = document.querySelector(selector); return box && !box.disabled; }"
COLUMNS = ("server answers, s", "first page, s", "second page, s", "CPU of the server, s")


def open_page(browser: Browser, url: str) -> None:
    """Open the page in a browser without a cache, and wait until a message can be written."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    # Playwright's own expectations look at growing intervals.
    page.wait_for_function(ENABLED, arg=COMPOSER)
    context.close()


def measure(browser: Browser, start: Callable[[], AppServer]) -> tuple[float, ...]:
    """Start a server, open two pages one after the other, and return a value for each column."""
    started_at = time.monotonic()
    server = start()
    try:
        answered = time.monotonic() - started_at
        open_page(browser, server.url)
        first, cpu = time.monotonic() - started_at, cpu_seconds(server)
        second_at = time.monotonic()
        open_page(browser, server.url)
        return answered, first, time.monotonic() - second_at, cpu
    finally:
        server.close()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    values: dict[str, list[tuple[float, ...]]] = {"naive": [], "Antler": []}
    with (
        tempfile.TemporaryDirectory() as name,
        running_gateway() as gateway,
        sync_playwright() as playwright,
    ):
        folder, browser = Path(name), launch(playwright)
        for number in range(rounds):
            programs: dict[str, Callable[[], AppServer]] = {
                "naive": lambda number=number: start_naive(folder / f"naive-{number}", gateway),
                "Antler": lambda number=number: AppServer(
                    folder / f"antler-{number}", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway}
                ),
            }
            for program, start in programs.items():
                values[program].append(measure(browser, start))
        browser.close()
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in values.items()}
    print(f"| program | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    for name, row in medians.items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in row)} |")
    ratios = (value / base for value, base in zip(medians["Antler"], medians["naive"], strict=True))
    print(f"| ratio | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")


if __name__ == "__main__":
    main()
