"""Errors in the browser: a sentence, the gateway's words behind a fold, Retry."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer
from tests.support.replay import EVENT_STREAM, JSON, Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
REFUSAL = {"error": {"message": "key refused (request id: 20260101abcd)", "type": "new_api_error", "code": ""}}
ANSWERS = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"Now it works."},"finish_reason":"stop"}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Now it works."}}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
}


def test_retry_replaces_a_refusal_whose_details_are_folded(keyed, new_page, replay, wire):
    replay.serve(PATHS[wire], Canned(json.dumps(REFUSAL).encode(), 401, JSON))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={wire}").ask("Hello?").wait_idle()
    answer = chat.answers.last
    expect(answer.get_by_role("alert")).to_contain_text("rejected the API key")
    expect(answer.get_by_text("key refused")).to_be_hidden()
    answer.get_by_text("Gateway message").click()
    expect(answer.get_by_text("key refused").first).to_be_visible()
    expect(chat.page.get_by_test_id("stException")).to_have_count(0)
    replay.serve(PATHS[wire], Canned(ANSWERS[wire]))
    answer.get_by_role("button", name="Retry").click()
    expect(chat.answers).to_contain_text(["Now it works."])
    chat.wait_idle()
    expect(chat.questions).to_have_count(1)
    expect(chat.page.get_by_role("alert")).to_have_count(0)


def test_a_key_in_the_secrets_file_connects_the_gateway(tmp_path, new_page, replay):
    secrets = f'[gateway]\napi_key = " {KEY} "\nbase_url = "{replay.url}/"\n[storage]\nurl = "sqlite:///x/y.db"\n'
    app = AppServer(tmp_path, {}, secrets=secrets)
    try:
        replay.serve("/v1/messages", Canned(ANSWERS["anthropic"], headers=EVENT_STREAM))
        chat = ChatPage(new_page(), app.url).open("?model=m-one&wire=anthropic").ask("Hello?").wait_idle()
        expect(chat.answers.last).to_contain_text("Now it works.")
        assert replay.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        assert (tmp_path / "x/y.db").exists()
    finally:
        app.close()
