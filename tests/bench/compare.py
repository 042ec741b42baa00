"""Lag of streamed tokens in Chromium: one answer in a chat, and four at once in a comparison.

.venv/bin/python -m tests.bench.compare
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.bench.browser_side import MeasuredPage
from tests.bench.gateway import TIMES, question, running_gateway
from tests.browser.chat_page import COMPOSER, ChatPage
from tests.browser.chromium import launch
from tests.browser.conftest import KEY
from tests.browser.history_seed import HistorySeed
from tests.support.app_server import AppServer

ROUNDS, COLUMNS = 3, 4  # after one that is not counted
RATE, DURATION = 100, 10  # tokens per second of each answer, seconds
QUESTION = question(RATE * DURATION, RATE, TIMES)


def ask(measured: MeasuredPage, press: Callable[[], None], answers: int) -> list[float]:
    """Ask, and wait until all answers have ended; return the lags of their tokens."""
    measured.record_lags()
    press()
    lags = measured.wait_for_lags(answers * RATE * DURATION)
    expect(measured.page.locator('[class*="st-key-tools-last-"]')).to_have_count(answers)
    return lags


def measure_chat(measured: MeasuredPage, url: str) -> list[float]:
    page = measured.page
    page.goto(f"{url}/?model=bench&wire=openai")
    expect(page.locator(COMPOSER)).to_be_visible()
    page.wait_for_timeout(2000)
    page.fill(COMPOSER, QUESTION)
    return ask(measured, lambda: page.press(COMPOSER, "Enter"), 1)


def measure_comparison(measured: MeasuredPage, url: str, count: int) -> list[float]:
    page = measured.page
    page.goto(f"{url}/compare")
    expect(page.get_by_role("button", name="Ask 2 models")).to_be_visible()
    for number in range(2, count):
        page.get_by_role("button", name="Add a model").click()
        expect(page.get_by_role("button", name=f"Ask {number + 1} models")).to_be_visible()
    page.get_by_role("textbox", name="Prompt", exact=True).fill(QUESTION)
    page.wait_for_timeout(1000)
    return ask(measured, page.get_by_role("button", name=f"Ask {count} models").click, count)


def main() -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, running_gateway() as gateway, sync_playwright() as playwright:
        app = AppServer(Path(folder), {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway})
        browser = launch(playwright)
        measured = MeasuredPage(browser, width=1600)
        seed = HistorySeed(app, ChatPage(measured.page, app.url))
        seed.store.preferences.add_recent_model(seed.owner, "bench")
        print("| lag | one answer, ms | four at once, ms | ratio |\n|---|--:|--:|--:|")
        rounds = [
            (measure_chat(measured, app.url), measure_comparison(measured, app.url, COLUMNS)) for _ in range(ROUNDS + 1)
        ][1:]
        single, several = ([lag for lags in each for lag in lags] for each in zip(*rounds, strict=True))
        for name, part in (("median", 0.5), ("95th percentile", 0.95)):
            first, second = (statistics.quantiles(lags, n=100)[round(100 * part) - 1] for lags in (single, several))
            print(f"| {name} | {first:.0f} | {second:.0f} | {second / first:.2f} |")
        app.close()
        browser.close()


if __name__ == "__main__":
    main()
