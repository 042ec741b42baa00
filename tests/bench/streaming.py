"""Websocket bytes and time to first paint, compared with a naive Streamlit app.

.venv/bin/python -m tests.bench.streaming
"""

from __future__ import annotations

import http.server
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lib.demo.long_answer import long_answer_blocks
from tests.browser.chat_page import COMPOSER
from tests.browser.chromium import launch
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer

TOKEN_LENGTH, RATE = 4, 100  # characters a token, tokens a second
TEXT_LENGTH = 16_000
BENCH_FOLDER = Path(__file__).parent

# Record, in the browser's clock, the time of the first paint of an answer.
RECORD_FIRST_PAINT = """() => { const seen = () => {
  const text = [...document.querySelectorAll('[data-testid="stChatMessage"]')].at(-1)?.innerText ?? '';
  if (!window.__first && text.includes('FIRST')) requestAnimationFrame(() => window.__first = Date.now());
};
const all = {subtree: true, childList: true, characterData: true};
new MutationObserver(seen).observe(document.body, all) }"""


class Gateway(http.server.ThreadingHTTPServer):
    """Streams one text to each client at a steady pace; `first_byte_at` is the time of its first byte."""

    daemon_threads = True

    def __init__(self, text: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.text = text
        self.first_byte_at = 0.0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def log_message(self, *_: object) -> None:
        """Disable the request log."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(1)
        start = time.monotonic()
        text = self.server.text
        self.server.first_byte_at = time.time()
        for number, position in enumerate(range(0, len(text), TOKEN_LENGTH)):
            self.delta({"content": text[position : position + TOKEN_LENGTH]}, None)
            time.sleep(max(0.0, start + (number + 1) / RATE - time.monotonic()))
        self.delta({}, "stop")
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def delta(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        self.chunk(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def measure(browser: Browser, app: AppServer, gateway: Gateway, last_text: str) -> tuple[float, int, float]:
    """Milliseconds from the gateway's first byte to the first paint, number of frames, kilobytes."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    sizes: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: sizes.append(len(data))))
    page.goto(f"{app.url}/?model=m&wire=openai")
    page.wait_for_selector(COMPOSER)
    page.wait_for_timeout(2000)
    page.evaluate(RECORD_FIRST_PAINT)
    sizes.clear()
    page.fill(COMPOSER, "Go")
    page.press(COMPOSER, "Enter")
    page.wait_for_selector(f"text={last_text}", timeout=120_000)
    first_paint = page.evaluate("window.__first") - gateway.first_byte_at * 1000
    page.close()
    return first_paint, len(sizes), sum(sizes) / 1000


def main() -> None:
    text = "\n\n".join(long_answer_blocks(is_chinese=False))
    text = "FIRST " + text[: TEXT_LENGTH - 6]
    gateway = Gateway(text)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        naive_folder = Path(folder) / "naive"
        naive_folder.mkdir()
        shutil.copy(BENCH_FOLDER / "naive.py", naive_folder / "app.py")
        apps = {
            "naive": (AppServer(naive_folder, {"BENCH_URL": gateway.url}, program=naive_folder), "THE-END"),
            "Antler": (
                AppServer(Path(folder) / "antler", {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway.url}),
                "first token",
            ),
        }
        print(f"{len(text):,} characters at {RATE} tokens/s\n")
        print("| app | first paint ms | frames | kB |\n|---|---|---|---|")
        for _ in range(3):
            for name, (app, last_text) in apps.items():
                first_paint, frames, size = measure(browser, app, gateway, last_text)
                print(f"| {name} | {first_paint:.0f} | {frames:,} | {size:,.0f} |")
        for app, _ in apps.values():
            app.close()
        browser.close()


if __name__ == "__main__":
    main()
