"""Cost of a long conversation, beside a naive chat in the same run: Enter, the first token, a reload, and bytes.

.venv/bin/python -m tests.bench.history_length [ROUNDS]

All values are medians. The times begin at the key, at the sending of the token, and at the request of the page.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.bench.browser_side import MeasuredPage
from tests.bench.gateway import question, running_gateway, times_in
from tests.bench.naive_server import start_naive
from tests.browser.chat_page import COMPOSER, ChatPage
from tests.browser.chromium import launch
from tests.browser.conftest import KEY
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.app_server import AppServer

SIZES = (200, 2_000)  # messages
ROUNDS = 5
TOKENS, RATE = 100, 50


@dataclass
class LongChat:
    """A page with a long conversation, and the measured values of each action."""

    measured: MeasuredPage
    newest: str
    """A text of the newest message, which no other has."""
    remembers: bool
    """True if a reload shows what was asked before."""
    values: dict[str, list[float]] = field(default_factory=dict)

    def _record(self, name: str, milliseconds: float) -> None:
        self.values.setdefault(f"{name}, ms", []).append(milliseconds)

    def _record_bytes(self, name: str) -> None:
        self.values.setdefault(f"{name}, kB", []).append(self.measured.take_bytes() / 1000)

    def measure_round(self, number: int) -> None:
        measured, page = self.measured, self.measured.page
        measured.take_bytes()
        measured.expect_text(self.newest)
        page.reload()
        self._record("reload to newest message", measured.wait_shown())
        expect(page.locator(COMPOSER)).to_be_enabled()
        measured.settle()
        self._record_bytes("reload")
        text = question(TOKENS, RATE, name=f"round {number}")
        page.locator(COMPOSER).fill(text)
        page.wait_for_timeout(300)
        measured.expect_text(f"round {number}")
        measured.record_lags()
        page.locator(COMPOSER).press("Enter")
        self._record("Enter to own message", measured.wait_shown() - measured.entered_at())
        lags = measured.wait_for_lags(times_in(TOKENS))
        self._record("first token sent to visible", lags[0])
        measured.settle()
        self._record_bytes("question and answer")
        if self.remembers:
            self.newest = measured.last_time()


def newest_of(size: int) -> str:
    return f"Answer {size // 2},"


def open_antler(browser: Browser, app: AppServer, size: int) -> LongChat:
    measured = MeasuredPage(browser)
    chat = ChatPage(measured.page, app.url).open("?model=bench&wire=openai")
    HistorySeed(app, chat).add(f"Long {size}", messages=build_turns(size // 2))
    chat.open("?model=bench&wire=openai").row_button(f"Long {size}").click()
    expect(chat.answers.last).to_contain_text(newest_of(size))
    chat.choose_model("bench")
    return LongChat(measured, newest_of(size), remembers=True)


def open_naive(browser: Browser, server: AppServer, size: int) -> LongChat:
    measured = MeasuredPage(browser)
    measured.page.goto(server.url)
    return LongChat(measured, newest_of(size), remembers=False)


def print_table(chats: dict[tuple[str, int], LongChat]) -> None:
    names = list(next(iter(chats.values())).values)
    print(f"| messages | program | {' | '.join(names)} |\n|--:|---|{'--:|' * len(names)}")
    for (program, size), chat in chats.items():
        medians = (statistics.median(chat.values[name]) for name in names)
        print(f"| {size:,} | {program} | {' | '.join(f'{value:,.0f}' for value in medians)} |")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    expect.set_options(timeout=60_000)
    with (
        tempfile.TemporaryDirectory() as name,
        running_gateway() as gateway,
        sync_playwright() as playwright,
        ExitStack() as stack,
    ):
        folder, browser = Path(name), launch(playwright)
        antler = AppServer(folder / "antler", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway})
        stack.callback(antler.close)
        chats = {}
        for size in SIZES:
            naive = start_naive(folder / f"naive-{size}", gateway, chats=1, messages=size)
            stack.callback(naive.close)
            chats["naive", size] = open_naive(browser, naive, size)
            chats["Antler", size] = open_antler(browser, antler, size)
        for number in range(rounds):
            for chat in chats.values():
                chat.measure_round(number)
        print_table(chats)
        browser.close()


if __name__ == "__main__":
    main()
