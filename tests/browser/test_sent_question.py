"""A question that was sent: shown at once, and replaced by the rendered one in the same frame."""

from __future__ import annotations

from itertools import groupby

from playwright.sync_api import Locator, WebSocketRoute, expect

from tests.browser.chat_page import ChatPage, wait_until

TEXT = "What is *this*?\n    <b>&amp;</b> 你好"
LONG_TEXT = "0123456789 " * 1_000  # more than the model reads
# In each frame, how often the text is on the page.
COUNT_IN_FRAMES = """text => {
  const counts = window.shownCounts = [];
  const look = () => {
    const places = document.querySelectorAll('.antler-sent, [class*="st-key-question-"] .as-written');
    counts.push([...places].filter(place => place.textContent === text && place.checkVisibility()).length);
    requestAnimationFrame(look);
  };
  look();
}"""


class HeldMessages:
    """The messages of a page to the server, which wait while they are held."""

    def __init__(self, route: WebSocketRoute) -> None:
        self._server = route.connect_to_server()
        self._held: list[str | bytes] | None = None
        route.on_message(self._send)

    def _send(self, message: str | bytes) -> None:
        if self._held is None:
            self._server.send(message)
        else:
            self._held.append(message)

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for message in held:
            self._server.send(message)


def size_of(element: Locator) -> list[int]:
    """Return the left edge, the width and the height of an element in CSS pixels."""
    box = element.bounding_box()
    return [round(box[name]) for name in ("x", "width", "height")] if box else []


def test_a_sent_question_is_shown_before_the_server_has_it(app, new_page):
    page, sockets = new_page(), []
    page.route_web_socket("**/_stcore/stream", lambda route: sockets.append(HeldMessages(route)))
    chat = ChatPage(page, app.url).open("?model=demo-echo").wait_idle()
    sent, greeting = page.locator(".antler-sent"), page.locator(".st-key-welcome")

    def send(text: str) -> None:
        chat.composer.fill(text)
        sockets[-1].hold()
        chat.composer.press("Enter")
        expect(sent).to_have_text(text)
        expect(chat.composer).to_have_value("")

    # In a new chat, in place of the greeting.
    send(TEXT)
    assert sent.locator("b").count() == 0
    expect(greeting).to_be_hidden()
    page.evaluate(COUNT_IN_FRAMES, TEXT)
    sockets[-1].release()
    expect(chat.questions).to_have_count(1)
    expect(sent).to_have_count(0)
    chat.wait_idle()

    # At the end of a conversation, also when its beginning is in view.
    page.locator(".stMain").evaluate("main => main.scrollTo(0, 0)")
    chat.wait_scrolled()
    send(TEXT)
    expect(sent).to_be_in_viewport()
    size = size_of(sent)
    sockets[-1].release()
    expect(chat.questions).to_have_count(2)
    expect(sent).to_have_count(0)
    bubble = chat.page.locator('[class*="st-key-question-"] [data-testid="stChatMessage"]').last
    wait_until(page, lambda: size_of(bubble) == size)
    # From one question to two, and never without one of them.
    counts = page.evaluate("window.shownCounts")
    assert [value for value, _ in groupby(counts)] == [1, 2]

    # A refused one is given back.
    chat.wait_idle().open("?model=demo-short-memory").wait_idle()
    send(LONG_TEXT)
    sockets[-1].release()
    expect(chat.composer).to_have_value(LONG_TEXT)
    expect(sent).to_have_count(0)
    expect(greeting).to_be_visible()
