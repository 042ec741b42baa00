"""Time from an action to its effect on the screen, and the server's CPU time, beside a naive chat in the same run.

.venv/bin/python -m tests.bench.page_speed [ROUNDS]

All are medians. The kernel counts CPU time exactly, whatever else runs on the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.naive_server import start_naive
from tests.browser.chat_page import COMPOSER, ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.app_server import AppServer
from tests.support.replay import JSON, Canned, Replay

ROUNDS = 20
REST_MS = 300
MODELS = 500
SIZES = (20, 400)  # conversations
KEY = "sk-9f3b7c1d5e8a2046bb7e"
VENDORS = ("gpt", "claude", "gemini", "qwen", "deepseek", "mistral", "llama", "grok", "kimi", "glm")
# From the first key or button that goes down to the frame in which the condition holds, in milliseconds.
WATCH = """(condition) => {
  const holds = new Function(`return ${condition}`);
  window.effect = new Promise((done, fail) => {
    let start = 0;
    setTimeout(() => fail(new Error(`never: ${condition}`)), 20000);
    const begin = event => { start ||= event.timeStamp; };
    addEventListener("pointerdown", begin, { capture: true, once: true });
    addEventListener("keydown", begin, { capture: true, once: true });
    const look = () => {
      if (start && holds()) { removeEventListener("pointerdown", begin, true); done(performance.now() - start); }
      else requestAnimationFrame(look);
    };
    look();
  });
}"""
IDLE = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning" """

REST = "() => new Promise(done => requestIdleCallback(() => requestIdleCallback(done)))"


@dataclass
class MeasuredApp:
    """A chat in a browser of its own, and the times measured in it, in milliseconds by action."""

    page: Page
    server: AppServer
    open_chat: Callable[[Page, int], None]
    times: dict[str, list[float]] = field(default_factory=dict)
    costs: dict[str, list[float]] = field(default_factory=dict)

    def rest(self) -> None:
        """Wait until the run before has ended and the browser has rendered it."""
        self.page.wait_for_function(IDLE)
        self.page.wait_for_timeout(REST_MS)
        self.page.evaluate(REST)

    def measure(self, name: str, condition: str, action: Callable[[], None]) -> None:
        """Measure an action from the first key or button until the condition holds, and its cost until all is done."""
        self.rest()
        self.page.evaluate(WATCH, condition)
        before = cpu_seconds(self.server)
        action()
        self.times.setdefault(name, []).append(self.page.evaluate("window.effect"))
        self._record_cost(name, before)

    def _record_cost(self, name: str, before: float) -> None:
        self.rest()
        self.costs.setdefault(name, []).append((cpu_seconds(self.server) - before) * 1000)

    def measure_opening(self) -> None:
        """Measure the cost of loading the page; its files are in the cache of the browser."""
        self.rest()
        before = cpu_seconds(self.server)
        self.page.goto(self.server.url)
        expect(self.page.locator(COMPOSER)).to_be_visible()
        self._record_cost("open the page", before)

    def toggle_popover(self) -> None:
        self.page.locator(".st-key-params button").first.click()

    def measure_round(self, number: int) -> None:
        page, shown = self.page, "document.querySelector('.stMain').innerText"
        self.measure_opening()
        chat = 1 + number % 10
        self.measure("open a chat", f"{shown}.includes('Question {chat}\\n')", lambda: self.open_chat(page, chat))
        text = f"Now {number}"
        page.locator(COMPOSER).fill(text)
        own_message = f"{shown}.includes('{text}\\n') || {shown}.endsWith('{text}')"
        answers = page.locator(".stMain").get_by_text("A short answer.")
        earlier = answers.count()

        def ask() -> None:
            page.locator(COMPOSER).press("Enter")
            expect(answers).to_have_count(earlier + 1)

        self.measure("Enter to own message", own_message, ask)
        has_popover = "!!document.querySelector('[data-testid=\"stPopoverBody\"] textarea')"
        self.measure("open a popover", has_popover, self.toggle_popover)
        self.toggle_popover()
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
        has_settings = "[...document.querySelectorAll('h1')].some(h => h.innerText.includes('Settings'))"
        self.measure("switch the page", has_settings, page.get_by_role("link", name="Settings").click)


def cpu_seconds(server: AppServer) -> float:
    """CPU seconds of a server process so far, with those of threads that have ended."""
    # The number of the clock of another process, by the system's rule.
    return time.clock_gettime(~server.pid << 3 | 2)


def start_naive_chat(browser: Browser, gateway: str, folder: Path) -> MeasuredApp:
    server = start_naive(folder, gateway)
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto(server.url)
    expect(page.locator(COMPOSER)).to_be_visible()

    def open_chat(page: Page, number: int) -> None:
        page.get_by_role("button", name=f"Chat {number}", exact=True).click()

    return MeasuredApp(page, server, open_chat)


def start_antler(browser: Browser, gateway: str, folder: Path, size: int) -> MeasuredApp:
    settings = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": f"{gateway}/v1", "ANTLER_MODELS_DEV_URL": "off"}
    app = AppServer(folder, settings)
    chat = ChatPage(browser.new_page(viewport={"width": 1280, "height": 860}), app.url)
    seed = HistorySeed(app, chat)
    for number in range(size, 0, -1):
        turns = [text.replace("Question 1", f"Question {number}") for text in build_turns(1) * 3]
        seed.add(f"Chat {number}", messages=turns)
    chat.open().wait_idle()

    def open_chat(page: Page, number: int) -> None:
        page.get_by_role("button", name=f"Chat {number}", exact=True).first.click()

    return MeasuredApp(chat.page, app, open_chat)


def serve_gateway(server: Replay) -> None:
    types = ["openai", "anthropic"]
    models = [{"id": f"{VENDORS[i % 10]}-{i // 10}-model", "supported_endpoint_types": types} for i in range(MODELS)]
    models.append({"id": "demo-echo", "supported_endpoint_types": types})
    server.serve("/v1/models", Canned(json.dumps({"data": models}).encode(), headers=JSON))
    events = [{"choices": [{"delta": {"content": word}}]} for word in ("A ", "short ", "answer.")]
    events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
    server.serve("/v1/chat/completions", Canned("".join(lines).encode()))


def print_table(title: str, values: list[dict[str, list[float]]]) -> None:
    """Print the medians of the naive chat, and as ratios to them those of the others."""
    naive, *others = values
    print(f"| {title} | naive, ms | {' | '.join(f'{size} chats, ratio' for size in SIZES)} |")
    print(f"|---|--:|{'--:|' * len(SIZES)}")
    for name, each in naive.items():
        ratios = " | ".join(f"{statistics.median(other[name]) / statistics.median(each):.2f}" for other in others)
        print(f"| {name} | {statistics.median(each):.0f} | {ratios} |")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, Replay() as gateway:
        serve_gateway(gateway)
        browser = launch(playwright)
        apps = [start_naive_chat(browser, gateway.url, Path(folder, "naive"))]
        apps += [start_antler(browser, gateway.url, Path(folder, str(size)), size) for size in SIZES]
        for number in range(rounds):
            for app in apps:
                app.measure_round(number)
        print_table("time to the effect", [app.times for app in apps])
        print()
        print_table("CPU time of the server", [app.costs for app in apps])
        for app in apps:
            app.server.close()
        browser.close()


if __name__ == "__main__":
    main()
