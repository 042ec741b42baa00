"""Errors in the browser: a sentence, the gateway's words behind a fold, Retry; and the API key in none of it."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, record_frames
from tests.browser.conftest import KEY
from tests.support.app_server import find_files
from tests.support.replay import JSON, Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
TURNS = 4
REFUSAL = {"error": {"message": "key refused (request id: 20260101abcd)", "type": "new_api_error", "code": ""}}
ANSWERS = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"Now it works."},"finish_reason":"stop"}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Now it works."}}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
}


def test_each_refusal_is_shown_retry_replaces_it_and_the_key_stays_in_the_servers_memory(
    keyed, new_page, replay, any_wire
):
    path = PATHS[any_wire]
    replay.serve(path, Canned(json.dumps(REFUSAL).encode(), 401, JSON))
    page = new_page()
    frames = record_frames(page, "framereceived")
    chat = ChatPage(page, keyed.url).open(f"?model=m-one&wire={any_wire}")
    # Answers that fail at once are rendered every time.
    for turn in range(1, TURNS + 1):
        chat.ask(f"Question {turn}").wait_idle()
        expect(chat.answers).to_have_count(turn)
        expect(chat.answers.last.get_by_role("alert")).to_contain_text("rejected the API key")
    answer = chat.answers.last
    expect(answer.get_by_text("key refused")).to_be_hidden()
    answer.get_by_text("Gateway message").click()
    expect(answer.get_by_text("key refused").first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    replay.serve(path, Canned(ANSWERS[any_wire]))
    answer.get_by_role("button", name="Retry").click()
    expect(chat.answers.last).to_contain_text("Now it works.")
    chat.wait_idle()
    expect(chat.questions).to_have_count(TURNS)
    expect(chat.answers.last.get_by_role("alert")).to_have_count(0)

    assert replay.last_request(path).headers["authorization"] == f"Bearer {KEY}"
    chat.open_settings("Gateway")
    expect(page.get_by_text("The API key is known only to this server")).to_be_visible()
    key = KEY.encode()
    assert frames
    assert not [frame for frame in frames if key in frame]
    assert KEY not in page.content()
    assert find_files(keyed.folder, key) == []
