"""Web search in the browser: the switch, a search while it runs, and its results and sources afterwards."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.replay import Canned

CALL = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "s",
    "content": [{"type": "web_search_result", "title": "Tide tables", "url": "https://tides.example/kiel"}],
}
CITATION = {"type": "web_search_result_location", "url": "https://tides.example/kiel", "title": "Tide tables"}


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


SEARCH = (
    event("content_block_start", index=0, content_block=CALL)
    + event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": '{"query": "tides"}'})
    + event("content_block_stop", index=0)
)
REST = (
    event("content_block_start", index=1, content_block=FOUND)
    + event("content_block_delta", index=2, delta={"type": "text_delta", "text": "High at noon."})
    + event("content_block_delta", index=2, delta={"type": "citations_delta", "citation": CITATION})
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
    + event("message_stop")
)


def test_a_search_is_shown_while_it_runs_and_kept_with_its_sources(keyed, new_page, replay):
    replay.serve("/v1/messages", Canned(SEARCH + REST, silence=len(SEARCH)))
    chat = ChatPage(new_page(), keyed.url).open("?model=claude-sonnet-4-5&wire=anthropic")
    switch = chat.page.get_by_role("switch", name="Search the web")
    chat.wait_at_rest()
    switch.press("Space")
    expect(switch).to_be_checked()
    chat.wait_at_rest()
    chat.ask("When is high tide?")
    expect(chat.answers.last).to_contain_text("Searching the web for “tides”…")
    assert [tool["name"] for tool in replay.last_request("/v1/messages").json["tools"]] == ["web_search"]
    replay.resume()
    expect(chat.answers.last).to_contain_text("High at noon.")
    chat.wait_idle()
    chat.page.reload()
    answer = chat.answers.last
    expect(answer).to_contain_text("Searched for “tides” · 1 result")
    expect(answer).to_contain_text("Sources · 1")
    expect(answer).not_to_contain_text("Searching the web")
    chat.wait_at_rest()
    answer.locator("summary").filter(has_text="Searched for").press("Enter")
    link = answer.get_by_role("listitem").get_by_role("link", name="Tide tables").first
    expect(link).to_be_visible()
    expect(link).to_have_attribute("href", "https://tides.example/kiel")
    expect(switch).to_be_checked()
