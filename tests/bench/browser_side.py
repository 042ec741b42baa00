"""Measures of a page in Chromium: when texts are shown, the bytes that come, and the time of the main thread.

The scripts look at the changes of any page, so that all chat programs are measured by the same means.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser, Page

from tests.bench.gateway import now

TIMEOUT_MS = 240_000
SETTLE_MS = 2_000
POLL_MS = 250
# Records, in milliseconds, the lag of each time of sending, and when a text that is waited for was first shown. An
# effect is counted once it has been painted: after the next frame. Text counts where it appears, not in a field.
OBSERVE = """() => {
  const bench = window.bench = { lags: {}, changedAt: 0, offset: 0, enterAt: 0, shownAt: 0,
    text: sessionStorage.getItem("bench.text") ?? "" };
  const afterPaint = then => requestAnimationFrame(() => setTimeout(then));
  addEventListener("keydown", event => { if (event.key === "Enter") bench.enterAt = event.timeStamp; }, true);
  let pending = new Set();
  const look = text => {
    for (const [time] of text.matchAll(/t\\d{14}/g)) {
      if (bench.offset && !(time in bench.lags) && !pending.has(time)) pending.add(time);
    }
    if (bench.text && !bench.shownAt && text.includes(bench.text)) {
      bench.shownAt = -1;
      afterPaint(() => { bench.shownAt = performance.now(); });
    }
  };
  const painted = () => {
    const times = pending;
    pending = new Set();
    afterPaint(() => {
      const shownAt = (performance.timeOrigin + performance.now()) * 1000 - bench.offset;
      bench.changedAt = performance.now();
      for (const time of times) bench.lags[time] ??= (shownAt - Number(time.slice(1))) / 1000;
    });
  };
  const textOf = node => node.nodeType === Node.TEXT_NODE ? node.data : node.textContent ?? "";
  new MutationObserver(records => {
    const seen = new Set();
    for (const { type, target, addedNodes } of records) {
      for (const node of type === "characterData" ? [target] : addedNodes) {
        if (seen.has(node) || !node.isConnected || node.parentElement?.closest("textarea, script, style")) continue;
        seen.add(node);
        look(textOf(node));
      }
    }
    if (pending.size) painted();
  }).observe(document, { subtree: true, childList: true, characterData: true });
}"""


class MeasuredPage:
    """A page in Chromium whose bytes, main thread and shown texts are measured."""

    def __init__(self, browser: Browser, slowdown: int = 1, width: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 860})
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.add_init_script(f"({OBSERVE})()")
        self._bytes = 0
        self._streams: set[str] = set()
        self._session = self.page.context.new_cdp_session(self.page)
        # CPU time of the thread: other programs on the machine disturb it little.
        self._session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        self._session.send("Performance.enable")
        self._session.send("Network.enable")
        self._session.on("Network.webSocketFrameReceived", self._count_frame)
        self._session.on("Network.responseReceived", self._note_response)
        self._session.on("Network.dataReceived", self._count_data)
        if slowdown > 1:
            self._session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})

    def _count_frame(self, event: Mapping[str, Any]) -> None:
        frame = event["response"]
        length = len(frame["payloadData"])
        # Binary frames come in base64.
        self._bytes += length * 3 // 4 if frame["opcode"] == 2 else length

    def _note_response(self, event: Mapping[str, Any]) -> None:
        # Not the files of the page.
        if event["type"] in ("EventSource", "Fetch", "XHR"):
            self._streams.add(event["requestId"])

    def _count_data(self, event: Mapping[str, Any]) -> None:
        if event["requestId"] in self._streams:
            self._bytes += event["dataLength"]

    def take_bytes(self) -> int:
        """Return the bytes received since the last call, by websockets and in responses to scripts."""
        self._bytes, count = 0, self._bytes
        return count

    def thread_seconds(self) -> float:
        """Seconds of the main thread so far."""
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    def record_lags(self) -> None:
        """Record the lags of all times of sending from now on."""
        offset = time.time_ns() // 1000 - now()
        self.page.evaluate("offset => { bench.lags = {}; bench.offset = offset; }", offset)

    def lags(self) -> list[float]:
        """Return the lags in milliseconds, in the order of sending."""
        lags: dict[str, float] = self.page.evaluate("bench.lags")
        return [lag for _, lag in sorted(lags.items())]

    def last_time(self) -> str:
        """Return the newest time of sending that was shown, as the page shows it."""
        return str(self.page.evaluate("Object.keys(bench.lags).sort().at(-1)"))

    def wait_for_lags(self, count: int) -> list[float]:
        """Wait until so many times have been shown, or all but a few that a frame has left out; return their lags.

        To look in each frame, as Playwright does by itself, makes the page render 60 times a second.
        """
        self.page.wait_for_function(
            """count => {
              const seen = Object.keys(bench.lags).length;
              return seen >= count || (seen > 0.95 * count && performance.now() - bench.changedAt > 5000);
            }""",
            arg=count,
            polling=POLL_MS,
        )
        return self.lags()

    def expect_text(self, text: str) -> None:
        """Watch for a text, in this page or in the next one that is loaded in it."""
        self.page.evaluate(
            'text => { sessionStorage.setItem("bench.text", text); bench.text = text; bench.shownAt = 0; }', text
        )

    def wait_shown(self) -> float:
        """Wait until the expected text has been shown; return the milliseconds since the page was requested."""
        self.page.wait_for_function("() => window.bench?.shownAt > 0")
        return float(self.page.evaluate("bench.shownAt"))

    def entered_at(self) -> float:
        """Return when Enter was last pressed, in milliseconds since the page was requested."""
        return float(self.page.evaluate("bench.enterAt"))

    def settle(self) -> None:
        """Wait for what a page does after an answer."""
        self.page.wait_for_timeout(SETTLE_MS)
        self.page.evaluate("() => new Promise(done => requestIdleCallback(() => requestIdleCallback(done)))")

    def close(self) -> None:
        self.page.close()
