"""Cost of a long conversation: from Enter to the rendered question, a reload, a click, and bytes.

.venv/bin/python -m tests.bench.history_length
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chat_page import ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.app_server import AppServer

SIZES = (20, 200, 1000)
ROUNDS = 5
# Records when the question is on the screen, by the browser's clock.
WATCH_QUESTION = """(text) => { window.__seen = 0; const look = () => {
  const all = [...document.querySelectorAll('[class*="st-key-question-"]')];
  if (!window.__seen && all.some(element => element.innerText.includes(text)))
    requestAnimationFrame(() => window.__seen = performance.now());
};
new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true}) }"""
WATCH_ENTER = """() => addEventListener('keydown', event => {
  if (event.key === 'Enter') window.__enter = performance.now();
}, true)"""


class MeasuredPage:
    """A page with a counter of the bytes received over its websocket."""

    def __init__(self, browser: Browser) -> None:
        self.bytes = 0
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 860})
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, data: str | bytes) -> None:
        self.bytes += len(data)

    def take_bytes(self) -> int:
        self.bytes, count = 0, self.bytes
        return count


def measure(browser: Browser, app: AppServer, size: int) -> dict[str, float]:
    """Milliseconds and kilobytes of each action, the medians of ROUNDS."""
    measured = MeasuredPage(browser)
    page = measured.page
    chat = ChatPage(page, app.url).open("?model=demo-crlf&wire=openai")
    HistorySeed(app, chat).add("Long", messages=build_turns(size // 2))
    chat.open().rows.get_by_role("button", name="Long").first.click()
    expect(chat.answers.last).to_contain_text(f"Answer {size // 2}")
    chat.choose_model("demo-crlf")
    values_by_name: dict[str, list[float]] = {}

    def record(name: str, milliseconds: float) -> None:
        values_by_name.setdefault(f"{name} ms", []).append(milliseconds)
        values_by_name.setdefault(f"{name} kB", []).append(measured.take_bytes() / 1000)

    for number in range(ROUNDS):
        measure_round(chat, record, measured, f"Now {size} {number}")
    page.close()
    return {name: statistics.median(values) for name, values in values_by_name.items()}


def measure_round(chat: ChatPage, record: Callable[[str, float], None], measured: MeasuredPage, text: str) -> None:
    page = chat.page
    measured.take_bytes()
    start = page.evaluate("Date.now()")
    page.reload()
    expect(chat.answers.last).to_be_visible()
    expect(chat.composer).to_be_enabled()
    chat.wait_idle()
    record("reload", page.evaluate("Date.now()") - start)
    page.evaluate(WATCH_ENTER)
    page.evaluate(WATCH_QUESTION, text)
    chat.composer.fill(text)
    page.wait_for_timeout(300)
    measured.take_bytes()
    chat.composer.press("Enter")
    page.wait_for_function("window.__seen")
    record("Enter to question", page.evaluate("window.__seen - window.__enter"))
    chat.wait_idle()
    measured.take_bytes()
    start = page.evaluate("Date.now()")
    chat.answer_button("Regenerate").click()
    expect(chat.answers.last).to_contain_text("2 / 2")
    record("click", page.evaluate("Date.now()") - start)
    chat.wait_idle()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        expect.set_options(timeout=60_000)
        app = AppServer(Path(folder), {})
        rows = {size: measure(browser, app, size) for size in SIZES}
        names = list(rows[SIZES[0]])
        print(f"| messages | {' | '.join(names)} |\n|--:|{'--:|' * len(names)}")
        for size, row in rows.items():
            print(f"| {size:,} | {' | '.join(f'{row[name]:,.0f}' for name in names)} |")
        shortest, longest = rows[SIZES[0]], rows[SIZES[-1]]
        ratios = " | ".join(f"{longest[name] / shortest[name]:.2f}" for name in names)
        print(f"| {SIZES[-1]:,} to {SIZES[0]} | {ratios} |")
        app.close()
        browser.close()


if __name__ == "__main__":
    main()
