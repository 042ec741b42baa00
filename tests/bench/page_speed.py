"""Time from an action to its effect on the screen, beside a naive chat in the same run: the medians of ROUNDS.

.venv/bin/python -m tests.bench.page_speed
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chat_page import COMPOSER, ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.app_server import AppServer, free_port
from tests.support.replay import JSON, Canned, Replay

ROUNDS = 20
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
    open_chat: Callable[[Page, int], None]
    open_settings: Callable[[Page], None]
    open_popover: Callable[[Page], None]
    times: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, name: str, condition: str, action: Callable[[], None]) -> None:
        # At rest: the run before has ended and the browser has rendered it.
        self.page.wait_for_function(IDLE)
        self.page.wait_for_timeout(300)
        self.page.evaluate(REST)
        self.page.evaluate(WATCH, condition)
        action()
        self.times.setdefault(name, []).append(self.page.evaluate("window.effect"))

    def measure_round(self, number: int) -> None:
        page, shown = self.page, "document.querySelector('.stMain').innerText"
        chat = 1 + number % 10
        self.measure("open a chat", f"{shown}.includes('Question {chat}\\n')", lambda: self.open_chat(page, chat))
        text = f"Now {number}"
        page.locator(COMPOSER).fill(text)
        own_message = f"{shown}.includes('{text}\\n') || {shown}.endsWith('{text}')"
        self.measure("Enter to own message", own_message, lambda: page.locator(COMPOSER).press("Enter"))
        expect(page.locator(".stMain").get_by_text("A short answer.")).to_have_count(number // 10 + 1)
        has_popover = "!!document.querySelector('[data-testid=\"stPopoverBody\"] textarea')"
        self.measure("open a popover", has_popover, lambda: self.open_popover(page))
        self.open_popover(page)
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
        has_settings = "[...document.querySelectorAll('h1')].some(h => h.innerText.includes('Settings'))"
        self.measure("switch the page", has_settings, lambda: self.open_settings(page))
        page.go_back()
        expect(page.locator(COMPOSER)).to_be_visible()


def start_naive(browser: Browser, url: str, folder: str) -> tuple[MeasuredApp, subprocess.Popen[bytes]]:
    port = free_port()
    script = Path(__file__).with_name("naive_chat.py")
    command = [sys.executable, "-m", "streamlit", "run", script, f"--server.port={port}", "--server.headless=true"]
    options = ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    # Outside of the project, whose options of Streamlit would apply.
    process = subprocess.Popen(
        [*command, *options],
        cwd=folder,
        env={**os.environ, "BENCH_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    expect_loaded(page, f"http://127.0.0.1:{port}")
    measured = MeasuredApp(
        page,
        lambda page, number: page.get_by_role("button", name=f"Chat {number}", exact=True).click(),
        lambda page: page.get_by_role("link", name="Settings").click(),
        lambda page: page.locator(".st-key-params button").first.click(),
    )
    return measured, process


def expect_loaded(page: Page, url: str) -> None:
    for _ in range(100):
        try:
            page.goto(url)
            break
        except Exception:  # noqa: BLE001 - the server is starting
            page.wait_for_timeout(200)
    expect(page.locator(COMPOSER)).to_be_visible()


def start_antler(browser: Browser, gateway: str, folder: Path, size: int) -> tuple[MeasuredApp, AppServer]:
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

    measured = MeasuredApp(
        chat.page,
        open_chat,
        lambda page: page.get_by_role("link", name="Settings").click(),
        lambda page: page.locator(".st-key-params button").first.click(),
    )
    return measured, app


def serve_gateway(server: Replay) -> None:
    types = ["openai", "anthropic"]
    models = [{"id": f"{VENDORS[i % 10]}-{i // 10}-model", "supported_endpoint_types": types} for i in range(MODELS)]
    models.append({"id": "demo-echo", "supported_endpoint_types": types})
    server.serve("/v1/models", Canned(json.dumps({"data": models}).encode(), headers=JSON))
    events = [{"choices": [{"delta": {"content": word}}]} for word in ("A ", "short ", "answer.")]
    events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
    server.serve("/v1/chat/completions", Canned("".join(lines).encode()))


def main() -> None:
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, Replay() as server:
        serve_gateway(server)
        browser = launch(playwright)
        naive, process = start_naive(browser, server.url, folder)
        started = {size: start_antler(browser, server.url, Path(folder, str(size)), size) for size in SIZES}
        for number in range(ROUNDS):
            for measured in (naive, *(app for app, _ in started.values())):
                measured.measure_round(number)
        print(
            f"| action | naive ms | {' | '.join(f'{size} chats' for size in SIZES)} |\n|---|--:|{'--:|' * len(SIZES)}"
        )
        for name, times in naive.times.items():
            base = statistics.median(times)
            ratios = (statistics.median(app.times[name]) / base for app, _ in started.values())
            print(f"| {name} | {base:.0f} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
        for _, app in started.values():
            app.close()
        process.terminate()
        process.wait(30)
        browser.close()


if __name__ == "__main__":
    main()
