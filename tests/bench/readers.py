"""Memory of one process with twenty readers, each with a long answer arriving and a history to scroll.

.venv/bin/python -m tests.bench.readers
"""

from __future__ import annotations

import re
import shutil
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, PATIENCE_MS, QUIET
from tests.browser.site import App, Chat

READERS = 20
TURNS = 3  # before the answer that does not end
SECONDS = 30  # for which all of them arrive at once
MOST = 690  # MB: what the smallest host has that Antler is meant for
RESIDENT = re.compile(r"^process_resident_memory_bytes (\S+)", re.MULTILINE)


def resident(app: App) -> float:
    """MB that the process holds now, as it tells itself."""
    with urllib.request.urlopen(f"{app.url}/metrics", timeout=60) as answer:
        found = RESIDENT.search(answer.read().decode())
    assert found, "no figure for memory on this system"
    return float(found[1]) / 1e6


def read(page: Page, app: App, number: int) -> Chat:
    """A reader who has asked some things, and waits for an answer without an end."""
    chat = Chat(page, app.url).open("?model=demo-tour")
    for turn in range(TURNS):
        chat.ask(f"Reader {number}, question {turn}").ended()
    chat.pick("demo-endless").ask(f"Reader {number} wants all of it")
    return chat


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app = App(Path(folder), {})
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *QUIET])
        expect.set_options(timeout=4 * PATIENCE_MS)
        try:
            print(f"{'readers':>8} {'MB':>6}\n{0:>8} {resident(app):>6.0f}", flush=True)
            for number in range(1, READERS + 1):
                context = browser.new_context(viewport={"width": 1280, "height": 860})
                context.set_default_timeout(4 * PATIENCE_MS)
                read(context.new_page(), app, number)
                if number in (1, 5, 10, 15, READERS):
                    print(f"{number:>8} {resident(app):>6.0f}", flush=True)
            most = 0.0
            for _ in range(SECONDS):
                browser.contexts[0].pages[0].wait_for_timeout(1_000)
                most = max(most, resident(app))
            print(f"at most {most:.0f} MB in {SECONDS} s with all of them arriving; the limit is {MOST} MB")
            assert most < MOST
        finally:
            browser.close()
            app.close()


if __name__ == "__main__":
    main()
