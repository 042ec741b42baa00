"""Lag of streamed tokens in Chromium: one answer in a chat, and four at once in a comparison.

.venv/bin/python -m tests.bench.compare
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.bench import concurrent_users
from tests.browser.chat_page import COMPOSER, ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed
from tests.support.app_server import AppServer

ROUNDS, COLUMNS = 3, 4  # after one that is not counted
RATE, DURATION = 100, 10  # tokens per second of each answer, seconds
FIRST_TOKEN_DELAY = 2.0  # seconds, in which a page shows the answers also on a busy machine
# The lag of each token in milliseconds when it is in the page: its text is the time of sending in microseconds.
RECORD_LAGS = """(offset) => {
  const seen = new Set();
  window.lags = [];
  const look = () => {
    const now = (performance.timeOrigin + performance.now()) * 1000 - offset;
    for (const message of document.querySelectorAll('[data-testid="stChatMessage"]'))
      for (const text of [...message.querySelectorAll('[data-testid="stMarkdownContainer"]')].slice(-8))
        for (const [token] of text.textContent.slice(-3000).matchAll(/\\d{10,}/g)) {
          // The last one may have been cut by a frame.
          if (seen.has(token) || Math.abs(now - token) > 1e8) continue;
          seen.add(token);
          window.lags.push((now - token) / 1000);
        }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def record_lags(page: Page) -> None:
    page.evaluate(RECORD_LAGS, time.time_ns() // 1000 - concurrent_users.now())


def read_lags(page: Page, answers: int) -> list[float]:
    """Wait until all answers have ended, and return the lags of their tokens; a few may not have been seen."""
    page.wait_for_timeout((FIRST_TOKEN_DELAY + DURATION) * 1000)
    expect(page.locator('[class*="st-key-tools-last-"]')).to_have_count(answers)
    lags: list[float] = page.evaluate("window.lags")
    assert len(lags) > 0.95 * answers * RATE * DURATION, len(lags)
    return lags


def measure_chat(page: Page, url: str) -> list[float]:
    page.goto(f"{url}/?model=m&wire=openai")
    expect(page.locator(COMPOSER)).to_be_visible()
    page.wait_for_timeout(2000)
    record_lags(page)
    page.fill(COMPOSER, "Go")
    page.press(COMPOSER, "Enter")
    return read_lags(page, 1)


def measure_comparison(page: Page, url: str, count: int) -> list[float]:
    page.goto(f"{url}/compare")
    expect(page.get_by_role("button", name="Ask 2 models")).to_be_visible()
    for number in range(2, count):
        page.get_by_role("button", name="Add a model").click()
        expect(page.get_by_role("button", name=f"Ask {number + 1} models")).to_be_visible()
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Go")
    page.wait_for_timeout(1000)
    record_lags(page)
    page.get_by_role("button", name=f"Ask {count} models").click()
    return read_lags(page, count)


def main() -> None:
    expect.set_options(timeout=60_000)
    concurrent_users.RATE, concurrent_users.DURATION = RATE, DURATION
    concurrent_users.FIRST_TOKEN_DELAY = FIRST_TOKEN_DELAY
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent_users.running_gateway() as settings,
        sync_playwright() as playwright,
    ):
        app = AppServer(Path(folder), {name: settings[name] for name in ("DEERAPI_API_KEY", "DEERAPI_BASE_URL")})
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        seed = HistorySeed(app, ChatPage(page, app.url))
        seed.store.preferences.add_recent_model(seed.owner, "m")
        print("| lag | one answer, ms | four at once, ms | ratio |\n|---|--:|--:|--:|")
        rounds = [(measure_chat(page, app.url), measure_comparison(page, app.url, COLUMNS)) for _ in range(ROUNDS + 1)][
            1:
        ]
        single, several = ([lag for lags in each for lag in lags] for each in zip(*rounds, strict=True))
        for name, part in (("median", 0.5), ("95th percentile", 0.95)):
            first, second = (statistics.quantiles(lags, n=100)[round(100 * part) - 1] for lags in (single, several))
            print(f"| {name} | {first:.0f} | {second:.0f} | {second / first:.2f} |")
        app.close()
        browser.close()


if __name__ == "__main__":
    main()
