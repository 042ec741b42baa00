"""Every fault has a face: one plain sentence, the gateway's words folded away, Retry where it helps."""

from __future__ import annotations

import json
import sqlite3

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import KEY
from tests.support.app_server import AppServer, free_port
from tests.support.replay import EVENT_STREAM, JSON, Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
HTML = {"Content-Type": "text/html"}
ID = {"X-Oneapi-Request-Id": "20260101abcd"}


def refused(words: str, code: str = "") -> bytes:
    message = f"{words} (request id: 20260101abcd)"
    return json.dumps({"error": {"message": message, "type": "new_api_error", "code": code}}).encode()


def said(wire: str, text: str) -> bytes:
    delta = {
        "openai": {"choices": [{"index": 0, "delta": {"content": text}}]},
        "anthropic": {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
    }[wire]
    return f"data: {json.dumps(delta)}\n\n".encode()


def failed(wire: str) -> bytes:
    error = {"type": "error", "error": {"type": "server_error", "message": "the engine went away"}}
    name = "event: error\n" if wire == "anthropic" else ""
    return f"{name}data: {json.dumps(error)}\n\n".encode()


# What the gateway does, the sentence the reader sees, the words behind the fold, whether Retry is offered.
REFUSALS = {
    "wrong key": (Canned(refused("key refused"), 401, JSON), "rejected the API key", "key refused", True),
    "no credit": (
        Canned(refused("quota too low", "insufficient_user_quota"), 403, JSON),
        "no credit left",
        "quota too low",
        True,
    ),
    "unknown model": (
        Canned(refused("nothing serves it", "model_not_found"), 503, JSON),
        "does not offer this model",
        "nothing serves it",
        True,
    ),
    "bad request": (
        Canned(refused("use one sampler"), 400, JSON),
        "found an error in the request",
        "use one sampler",
        False,
    ),
    "busy": (Canned(b"", 429, ID), "Rate limit reached", "20260101abcd", True),
    "bad gateway": (
        Canned(b"<html><h1>502 Bad Gateway</h1><script>x</script></html>", 502, HTML),
        "not working",
        "502 Bad Gateway",
        True,
    ),
    "a web page": (
        Canned(b"<html><p>Please sign in</p></html>", 200, HTML),
        "not a valid answer",
        "sign in",
        True,
    ),
    "a redirect": (
        Canned(b"", 302, {"Location": "http://127.0.0.1:9/login"}),
        "redirects to another address",
        "127.0.0.1:9/login",
        False,
    ),
}


def no_traceback(chat: ChatPage) -> None:
    expect(chat.page.get_by_test_id("stException")).to_have_count(0)
    assert "Traceback" not in chat.page.inner_text("body")


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_is_told_in_a_sentence_with_its_words_folded(keyed, new_page, replay, wire, fault):
    canned, sentence, words, again = REFUSALS[fault]
    replay.serve(PATHS[wire], canned)
    chat = (
        ChatPage(new_page(), keyed.url)
        .open(f"?model=m-one&wire={wire}")
        .ask(f"A {fault} over {wire}")
        .wait_idle()
    )
    answer = chat.answers.last
    expect(answer.get_by_role("alert")).to_contain_text(sentence)
    expect(answer.get_by_text(words)).to_be_hidden()
    answer.get_by_text("Gateway message").click()
    expect(answer.get_by_text(words).first).to_be_visible()
    expect(answer.get_by_role("button", name="Retry")).to_have_count(1 if again else 0)
    no_traceback(chat)


def test_the_request_id_is_behind_the_fold(keyed, new_page, replay):
    replay.serve(PATHS["openai"], REFUSALS["wrong key"][0])
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai").ask("Who am I?").wait_idle()
    chat.answers.last.get_by_text("Gateway message").click()
    expect(chat.answers.last.get_by_text("20260101abcd")).to_be_visible()
    expect(chat.answers.last.get_by_text("Status 401")).to_be_visible()


def test_retry_asks_again_and_takes_the_place_of_the_failure(keyed, new_page, replay, wire):
    replay.serve(PATHS[wire], Canned(b"", 429, {}))
    chat = (
        ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={wire}").ask(f"Try {wire} twice").wait_idle()
    )
    whole = {
        "openai": b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        "anthropic": b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
    }[wire]
    replay.serve(PATHS[wire], Canned(said(wire, "Now it works.") + whole))
    chat.page.get_by_role("button", name="Retry").click()
    expect(chat.answers).to_contain_text(["Now it works."])
    chat.wait_idle()
    expect(chat.questions).to_have_count(1)
    expect(chat.page.get_by_role("alert")).to_have_count(0)


def test_an_error_in_the_middle_keeps_what_had_come(keyed, new_page, replay, wire):
    replay.serve(PATHS[wire], Canned(said(wire, "Half of it") + failed(wire)))
    chat = (
        ChatPage(new_page(), keyed.url)
        .open(f"?model=m-one&wire={wire}")
        .ask(f"Fail midway, {wire}")
        .wait_idle()
    )
    expect(chat.answers.last).to_contain_text("Half of it")
    expect(chat.answers.last.get_by_role("alert")).to_contain_text("failed while generating this answer")
    expect(chat.answers.last.get_by_role("button", name="Retry")).to_be_visible()


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_a_stream_without_its_last_event_is_interrupted(keyed, new_page, replay, wire, framing):
    body = said(wire, "Half of it") + b"data: {"
    replay.serve(PATHS[wire], Canned(body, headers=EVENT_STREAM, framing=framing, cut=len(body) - 1))
    chat = (
        ChatPage(new_page(), keyed.url)
        .open(f"?model=m-one&wire={wire}")
        .ask(f"Cut {framing} {wire}")
        .wait_idle()
    )
    expect(chat.answers.last).to_contain_text("Half of it")
    expect(chat.answers.last).to_contain_text("This answer was interrupted")
    expect(chat.answer_button("Continue")).to_be_visible()
    expect(chat.answer_button("Retry")).to_be_visible()


def test_a_done_without_a_finish_reason_may_be_whole_or_cut_off(keyed, new_page, replay):
    replay.serve(PATHS["openai"], Canned(said("openai", "Half of it") + b"data: [DONE]\n\n"))
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai").ask("Done, or not?").wait_idle()
    expect(chat.answers.last).to_contain_text("It may be complete or cut off")
    expect(chat.answer_button("Continue")).to_be_visible()


def test_a_gateway_that_falls_silent_ends_in_a_sentence(tmp_path, new_page, replay):
    settings = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": replay.url, "DEERAPI_FIRST_BYTE_TIMEOUT": "2"}
    app = AppServer(tmp_path, settings)
    try:
        for wire, path in PATHS.items():
            replay.serve(path, Canned(mute=True))
            chat = (
                ChatPage(new_page(), app.url)
                .open(f"?model=m-one&wire={wire}")
                .ask(f"Silence, {wire}")
                .wait_idle()
            )
            expect(chat.answers.last.get_by_role("alert")).to_contain_text("did not respond in time")
            expect(chat.answers.last.get_by_role("button", name="Retry")).to_be_visible()
    finally:
        app.close()


def test_no_network_is_told_and_the_page_works(tmp_path, new_page, wire):
    app = AppServer(tmp_path, {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": f"http://127.0.0.1:{free_port()}"})
    try:
        chat = ChatPage(new_page(), app.url).open(f"?model=m-one&wire={wire}")
        expect(chat.page.get_by_text("model list could not be loaded")).to_be_visible()
        chat.ask("Is anybody there?").wait_idle()
        expect(chat.answers.last.get_by_role("alert")).to_contain_text("cannot be reached")
        expect(chat.answers.last.get_by_role("button", name="Retry")).to_be_visible()
        expect(chat.questions).to_contain_text("Is anybody there?")
        no_traceback(chat)
    finally:
        app.close()


MALFORMED = {
    "DEERAPI_BASE_URL": "api.deerapi.com",
    "DEERAPI_API_KEY": "sk-two words",
    "DATABASE_URL": "mysql://somewhere",
}


@pytest.mark.parametrize("setting", MALFORMED)
def test_a_malformed_setting_is_named_in_a_sentence(tmp_path, new_page, setting):
    app = AppServer(tmp_path, {setting: MALFORMED[setting]})
    try:
        page = new_page()
        page.goto(app.url)
        expect(page.get_by_role("alert")).to_contain_text("Antler cannot start")
        expect(page.get_by_role("alert")).to_contain_text(setting)
        assert "two words" not in page.content()
        assert "two words" not in app.log.read_text()
    finally:
        app.close()


def test_a_secrets_file_that_cannot_be_read_is_told_without_its_content(tmp_path, new_page):
    app = AppServer(tmp_path, {}, secrets=f"[gateway]\napi_key = {KEY}\n")
    try:
        page = new_page()
        page.goto(app.url)
        expect(page.get_by_role("alert")).to_contain_text("secrets.toml")
        assert KEY not in page.content()
        assert KEY not in app.log.read_text()
    finally:
        app.close()


def test_a_key_in_the_secrets_file_connects_the_gateway(tmp_path, new_page, replay):
    secrets = (
        f'[gateway]\napi_key = " {KEY} "\nbase_url = "{replay.url}/"\n[storage]\nurl = "sqlite:///x/y.db"\n'
    )
    app = AppServer(tmp_path, {}, secrets=secrets)
    try:
        replay.serve("/v1/messages", Canned(said("anthropic", "Hello"), headers=EVENT_STREAM))
        chat = (
            ChatPage(new_page(), app.url).open("?model=m-one&wire=anthropic").ask("Secret hello").wait_idle()
        )
        expect(chat.answers.last).to_contain_text("Hello")
        assert replay.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        assert (tmp_path / "x/y.db").exists()
    finally:
        app.close()


def test_a_full_disk_keeps_the_words_in_the_box(tmp_path, new_page):
    app = AppServer(tmp_path, {"DATABASE_URL": "sqlite:///data/talk.db"})
    try:
        chat = ChatPage(new_page(), app.url).open().ask("The first").wait_idle()
        # A trigger refuses every write, like a full disk, also to root.
        with sqlite3.connect(tmp_path / "data/talk.db") as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON node BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        chat.composer.fill("Not to be lost")
        chat.composer.press("Enter")
        expect(chat.page.get_by_text("The database is unavailable")).to_be_visible()
        expect(chat.composer).to_have_value("Not to be lost")
        with sqlite3.connect(tmp_path / "data/talk.db") as database:
            database.execute("DROP TRIGGER full")
        chat.composer.press("Enter")
        expect(chat.questions).to_have_count(2)
        chat.wait_idle()
    finally:
        app.close()
