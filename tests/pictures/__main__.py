"""Pictures of the documentation, made from replays of the demo's recordings: `make pictures`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

from lib import demo
from tests.browser import chromium
from tests.browser.chat_page import TIMEOUT_MS, ChatPage, open_tab
from tests.support.app_server import AppServer

DOCS = Path(__file__).parents[2] / "docs"
SIZE = {"width": 1280, "height": 900}
MAX_BYTES = 300_000
# In the order in which they are opened: the last one is at the top of the list, and in the picture.
SHOWN = ("thinking", "table", "formulas")


def replay(chat: ChatPage, name: str) -> ChatPage:
    """Import a recording and wait for the end of its answer."""
    chat.page.goto(f"{chat.url}/settings?tab=data")
    open_tab(chat.page, "Data")
    chat.page.locator('input[type="file"]').set_input_files(demo.RECORDINGS / f"{name}.zip")
    chat.page.get_by_role("button", name="Import", exact=True).click()
    expect(chat.composer).to_be_visible()
    expect(chat.answers.last.get_by_role("button", name="Copy answer")).to_be_visible()
    return chat.wait_idle().wait_scrolled()


def take_chat(chat: ChatPage) -> Page:
    """Show a conversation with a streamed answer, its statistics, and the history."""
    for name in SHOWN:
        replay(chat, name)
    return chat.page


def take_inspector(chat: ChatPage) -> Page:
    """Show the frames of an answer, with the times at which they came and their events."""
    if not chat.answers.count():
        replay(chat, SHOWN[-1])
    chat.page.get_by_role("button", name="Inspect answer 1").click()
    drawer = chat.page.get_by_role("dialog")
    drawer.get_by_role("tab", name="Frames").click()
    expect(drawer.get_by_text("message_start").first).to_be_visible()
    return chat.page


def take_compare(chat: ChatPage) -> Page:
    """Show two models that have answered one question."""
    chat.page.goto(f"{chat.url}/compare")
    prompt = chat.page.get_by_role("textbox", name="Prompt", exact=True)
    prompt.fill("Show me some Python code")
    prompt.blur()
    chat.page.get_by_role("button", name="Ask 2 models").click()
    expect(chat.page.get_by_text("tokens/s")).to_have_count(2)
    chat.wait_idle()
    return chat.page


PICTURES: dict[str, Callable[[ChatPage], Page]] = {
    "chat": take_chat,
    "inspector": take_inspector,
    "compare": take_compare,
}


def main() -> None:
    """Make the pictures, or those that are named."""
    names = sys.argv[1:] or list(PICTURES)
    with TemporaryDirectory(prefix="antler-pictures-") as folder, sync_playwright() as playwright:
        server, browser = AppServer(Path(folder), {}), chromium.launch(playwright)
        try:
            page = browser.new_page(viewport=SIZE, locale="en-GB", color_scheme="light", reduced_motion="reduce")
            page.set_default_timeout(TIMEOUT_MS)
            expect.set_options(timeout=TIMEOUT_MS)
            chat = ChatPage(page, server.url).open()
            for name in names:
                path = DOCS / f"{name}.png"
                PICTURES[name](chat).screenshot(path=path, caret="hide")
                print(f"{path}: {path.stat().st_size:,} bytes")
                assert path.stat().st_size < MAX_BYTES
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main()
