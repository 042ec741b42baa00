"""Inspector in a browser: the drawer of an answer, the copied command, and a phone."""

from __future__ import annotations

import os
import subprocess

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, open_tab
from tests.browser.conftest import KEY, address
from tests.support.replay import Canned

PATH = "/v1/chat/completions"
# The drawer covers the window, and nothing in it is wider than it.
FITS = """dialog => {
  const { left, right } = dialog.getBoundingClientRect();
  const pane = dialog.querySelector('[class*="st-key-inspector-frames"]');
  return left === 0 && right === innerWidth && pane.scrollWidth <= pane.clientWidth;
}"""
# At once, since the dialog takes the focus back in the next frame.
LOST_ESCAPE = """() => {
  document.activeElement.blur();
  const escape = { key: "Escape", bubbles: true, cancelable: true, composed: true };
  document.body.dispatchEvent(new KeyboardEvent("keydown", escape));
}"""


def test_the_drawer_shows_an_exchange_whose_command_repeats_it_and_gives_the_focus_back(keyed, replay, new_page):
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    body = b'data: {"choices":[{"index":0,"delta":{"content":"Hi deer"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    replay.serve(PATH, Canned(body))
    chat = ChatPage(page, keyed.url).open("?model=m-one&wire=openai")
    # The panel of parameters stays open while a value is set, and the button counts them.
    panel = chat.open_parameters()
    chat.set_parameter("Temperature", "0.5")
    expect(page.get_by_role("button", name="Parameters · 1")).to_be_visible()
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    chat.wait_idle().ask("It's $HOME").wait_idle()
    inspect = page.get_by_role("button", name="Inspect answer 1", exact=True)
    inspect.press("Enter")
    drawer, frames = page.get_by_role("dialog", name="Inspector"), page.locator(".antler-frames tbody tr")
    expect(drawer).to_contain_text(PATH)
    expect(drawer).not_to_contain_text(KEY)
    open_tab(page, "Code")
    code = page.locator(".st-key-inspector-code-text")
    expect(code).to_contain_text("curl")
    code.hover()
    code.get_by_role("button", name="Copy to clipboard").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('curl')")
    command = page.evaluate("navigator.clipboard.readText()")
    environ = {**os.environ, "API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    subprocess.run(["bash", "-c", command], env=environ, check=True, capture_output=True)
    first, second = replay.requests_for(PATH)[-2:]
    assert (second.body, second.headers["authorization"]) == (first.body, first.headers["authorization"])
    assert first.json["temperature"] == 0.5
    open_tab(page, "Timeline")
    expect(drawer.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    expect(drawer.get_by_role("table").first).to_contain_text("First text")
    open_tab(page, "Frames")
    expect(frames).to_have_count(2)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(f"() => ({FITS})(document.querySelector('[role=dialog]'))")
    drawer.get_by_role("textbox", name="Find in frames").fill("deer")
    drawer.get_by_role("textbox", name="Find in frames").press("Enter")
    expect(frames).to_have_count(1)
    expect(frames.first).to_contain_text("deer")
    chat.wait_idle()
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(inspect).to_be_focused()
    # Escape closes it as well while the focus is nowhere, as when a run replaces what held it.
    inspect.press("Enter")
    # One that is opened again at once may show the tab from before.
    expect(drawer.get_by_role("tab", name="Request")).to_be_visible()
    page.evaluate(LOST_ESCAPE)
    expect(drawer).to_have_count(0)
    inspect.press("Enter")
    page.get_by_role("button", name="Open in full width").click()
    expect(page).to_have_url(address("inspector?exchange="))
    expect(page.get_by_role("heading", name="Inspector")).to_be_visible()
    page.get_by_role("link", name="Open the chat").click()
    expect(chat.answers).to_have_count(1)
