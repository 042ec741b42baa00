"""Main-thread time of a page that shows a small hostile answer, beside a plain text of the same length.

.venv/bin/python -m tests.bench.hostile_page [the start of a text's name ...]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from tests.browser.chat_page import ChatPage
from tests.browser.chromium import launch
from tests.browser.history_seed import HistorySeed
from tests.support.app_server import AppServer

ROUNDS = 3
WORD = "A sentence of a plain text that says little. "
HOSTILE = {
    "table of 10,000 columns": "|a" * 10_000 + "|\n" + "|-" * 10_000 + "|\n" + "|b" * 10_000 + "|",
    "table of 5,000 rows": "|a|b|\n|-|-|\n" + "|1|2|\n" * 5_000,
    "matrix of 300 by 300": "$$\\begin{matrix}"
    + "\\\\".join("&".join("1" * 300) for _ in range(300))
    + "\\end{matrix}$$",
    "formulas, 3,000": "$x$ " * 3_000,
    "formula, nested 500 deep": "$$" + "\\sqrt{" * 500 + "x" + "}" * 500 + "$$",
    "\\rule of a huge size": "$$" + "\\rule{99999em}{99999em}" * 50 + "$$",
    "list nested 200 deep": "\n".join("  " * depth + "- a" for depth in range(200)),
    "quote nested 3,000 deep": ">" * 3_000 + " a",
    ":material/ and 500 letters": ":material/" + "a" * 500 + ":",
    "emoji shortcodes, 5,000": ":heart: " * 5_000,
    "directives, 5,000": ":red[a] " * 5_000,
    "links, 5,000": "[a](https://example.org) " * 5_000,
    "bare URLs, 5,000": "https://example.org/a " * 5_000,
    "footnotes, 2,000": "[^1] " * 2_000 + "\n\n[^1]: a",
    "code fences, 1,000": "```python\nx = 1\n```\n\n" * 1_000,
    "code of 20,000 lines": "```python\n" + "x = 1\n" * 20_000 + "```",
    "one line of code, 200 kB": "```json\n" + '{"a":1},' * 25_000 + "\n```",
    "one word, 200 kB": "a" * 200_000,
    "emphasis, unclosed 20,000": "*a " * 20_000,
    "brackets, 20,000": "[" * 20_000,
    "backticks of all lengths": " ".join("`" * length for length in range(300)),
    "combining marks, 50,000": "a" + "\u0301" * 50_000,
    "HTML tags, 5,000": "<b>a</b> <kbd>b</kbd> " * 5_000,
    "details nested 300 deep": "<details>" * 300 + "a" + "</details>" * 300,
    "headings, 3,000": "# a\n\n" * 3_000,
    "rules, 5,000": "---\n\n" * 5_000,
    "right-to-left marks, 20,000": "\u202ea\u202d" * 20_000,
    "task list, 3,000": "- [ ] a\n" * 3_000,
    "definitions, 5,000": "\n".join(f"[a{number}]: /u" for number in range(5_000)) + "\n\n[a1]",
    "mermaid of 3,000 edges": "```mermaid\nflowchart TD\n"
    + "".join(f"a{n}-->a{n + 1}\n" for n in range(3_000))
    + "```",
}


def thread_seconds(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def measure(page: Page, session: CDPSession, chat: ChatPage, title: str) -> float:
    """Seconds of the main thread from the click on a conversation to a page at rest."""
    chat.open().wait_idle()
    start = thread_seconds(session)
    chat.rows.get_by_role("button", name=title, exact=True).first.click()
    expect(chat.answers).to_have_count(1)
    chat.wait_idle()
    page.evaluate("() => new Promise(done => requestIdleCallback(() => requestIdleCallback(done)))")
    return thread_seconds(session) - start


def main() -> None:
    expect.set_options(timeout=120_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser: Browser = launch(playwright)
        app = AppServer(Path(folder), {})
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(120_000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        session.send("Performance.enable")
        chat = ChatPage(page, app.url)
        seed = HistorySeed(app, chat)
        print("| text | characters | seconds | plain text | ratio |\n|---|--:|--:|--:|--:|")
        chosen = {name: text for name, text in HOSTILE.items() if name.startswith(tuple(sys.argv[1:] or [""]))}
        for number, (name, text) in enumerate(chosen.items()):
            plain = (WORD * 8 + "\n\n") * (1 + len(text) // (8 * len(WORD)))
            seed.add(f"Hostile {number}", messages=("A question", text))
            seed.add(f"Plain {number}", messages=("A question", plain[: len(text)]))
            times: dict[str, list[float]] = {"Hostile": [], "Plain": []}
            for _ in range(ROUNDS):
                for kind, seconds in times.items():
                    seconds.append(measure(page, session, chat, f"{kind} {number}"))
            hostile, base = (statistics.median(seconds) for seconds in times.values())
            print(f"| {name} | {len(text):,} | {hostile:.2f} | {base:.2f} | {hostile / base:.1f} |", flush=True)
        app.close()
        browser.close()


if __name__ == "__main__":
    main()
