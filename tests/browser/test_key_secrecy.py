"""The API key stays in the server's memory: in no frame to the browser, no log line, no database row."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, record_frames
from tests.browser.conftest import KEY
from tests.support.replay import JSON, Canned

ECHO = b'{"error":{"message":"wrong","type":"new_api_error","code":""}}'


def test_the_key_is_sent_to_the_gateway_and_appears_nowhere_else(keyed, new_page, replay):
    page = new_page()
    frames = record_frames(page, "framereceived")
    chat = ChatPage(page, keyed.url)
    for wire, path in (("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")):
        replay.serve(path, Canned(ECHO, 401, JSON))
        chat.open(f"?model=m-one&wire={wire}").ask(f"Refuse me, {wire}").wait_idle()
        expect(chat.answers.last.get_by_role("alert")).to_be_visible()
        assert replay.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        assert "x-api-key" not in replay.requests[-1].headers
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("The API key is known only to this server")).to_be_visible()

    key = KEY.encode()
    assert frames
    assert not [frame for frame in frames if key in frame]
    assert KEY not in page.content()
    assert key not in keyed.log.read_bytes()
    files = [path for path in keyed.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("antler.db") for path in files)
    assert not [path for path in files if key in path.read_bytes()]
