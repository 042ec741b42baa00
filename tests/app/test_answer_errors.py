"""Errors under an answer: a plain sentence, the gateway's message, Retry where it helps."""

from __future__ import annotations

import json
import socket
import sqlite3

import pytest

from tests.app.chat_app import ChatApp
from tests.app.conftest import KEY
from tests.support.replay import EVENT_STREAM, JSON, Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
HTML = {"Content-Type": "text/html"}
REQUEST_ID = {"X-Oneapi-Request-Id": "20260101abcd"}


def build_error(message: str, code: str = "") -> bytes:
    text = f"{message} (request id: 20260101abcd)"
    return json.dumps({"error": {"message": text, "type": "new_api_error", "code": code}}).encode()


def build_delta(wire: str, text: str) -> bytes:
    content = {"type": "text_delta", "text": text}
    delta = {
        "openai": {"choices": [{"index": 0, "delta": {"content": text}}]},
        "anthropic": {"type": "content_block_delta", "index": 0, "delta": content},
    }[wire]
    return f"data: {json.dumps(delta)}\n\n".encode()


def build_error_event(wire: str) -> bytes:
    error = {"type": "error", "error": {"type": "server_error", "message": "the engine went away"}}
    name = "event: error\n" if wire == "anthropic" else ""
    return f"{name}data: {json.dumps(error)}\n\n".encode()


# The gateway's response, the sentence on the page, the folded details, the offer of Retry.
REFUSALS = {
    "wrong key": (
        Canned(build_error("key refused"), 401, JSON),
        "rejected the API key",
        "key refused",
        True,
    ),
    "no balance": (
        Canned(build_error("quota too low", "insufficient_user_quota"), 403, JSON),
        "no credit left",
        "quota too low",
        True,
    ),
    "unknown model": (
        Canned(build_error("nothing serves it", "model_not_found"), 503, JSON),
        "does not offer this model",
        "nothing serves it",
        True,
    ),
    "bad request": (
        Canned(build_error("use one sampler"), 400, JSON),
        "found an error in the request",
        "use one sampler",
        False,
    ),
    "rate limit": (Canned(b"", 429, REQUEST_ID), "Rate limit reached", "20260101abcd", True),
    "bad gateway": (
        Canned(b"<html><h1>502 Bad Gateway</h1><script>x</script></html>", 502, HTML),
        "not working",
        "502 Bad Gateway",
        True,
    ),
    "web page": (
        Canned(b"<html><p>Please sign in</p></html>", 200, HTML),
        "not a valid answer",
        "sign in",
        True,
    ),
    "redirect": (
        Canned(b"", 302, {"Location": "http://127.0.0.1:9/login"}),
        "redirects to another address",
        "127.0.0.1:9/login",
        False,
    ),
}


QUOTED = ("bad request", "web page")


@pytest.mark.slow
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_is_a_sentence_with_the_gateway_message(keyed, wire, fault):
    response, sentence, details, is_retry_offered = REFUSALS[fault]
    keyed.serve(PATHS[wire], response)
    chat = ChatApp(model="m-one", wire=wire).ask("Hello?")
    (error,) = chat.at.error
    assert sentence in error.value
    assert details not in error.value
    folds = [fold for fold in chat.at.expander if fold.label == "Gateway message"]
    # Where the sentence points to the gateway's words, they are in the open.
    assert [fold.proto.expanded for fold in folds] == ([] if fault in QUOTED else [False])
    (place,) = folds or [chat.at]
    assert any(details in code.value for code in place.code)
    assert bool(chat.buttons("Retry")) is is_retry_offered


def test_status_and_request_id_are_behind_the_fold(keyed):
    keyed.serve(PATHS["openai"], REFUSALS["wrong key"][0])
    chat = ChatApp(model="m-one", wire="openai").ask("Hello?")
    (fold,) = [fold for fold in chat.at.expander if fold.label == "Gateway message"]
    assert "Status 401" in [caption.value for caption in fold.caption]
    assert "20260101abcd" in [code.value for code in fold.code]


def test_an_error_event_keeps_the_text_received_before_it(keyed, wire):
    keyed.serve(PATHS[wire], Canned(build_delta(wire, "Half of it") + build_error_event(wire)))
    chat = ChatApp(model="m-one", wire=wire).ask("Hello?")
    assert "Half of it" in chat.answers[-1]
    assert "failed while generating this answer" in chat.at.error[0].value
    assert chat.buttons("Retry")


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_a_stream_without_its_last_event_is_interrupted(keyed, wire, framing):
    body = build_delta(wire, "Half of it") + b"data: {"
    keyed.serve(PATHS[wire], Canned(body, headers=EVENT_STREAM, framing=framing, cut=len(body) - 1))
    chat = ChatApp(model="m-one", wire=wire).ask("Hello?")
    assert "Half of it" in chat.answers[-1]
    assert "This answer was interrupted" in chat.answers[-1]
    assert chat.buttons("Continue") and chat.buttons("Retry")


def test_a_stream_without_a_finish_reason_may_be_complete_or_cut_off(keyed):
    keyed.serve(PATHS["openai"], Canned(build_delta("openai", "Half of it") + b"data: [DONE]\n\n"))
    chat = ChatApp(model="m-one", wire="openai").ask("Hello?")
    assert "It may be complete or cut off" in chat.answers[-1]
    assert chat.buttons("Continue")


def test_a_silent_gateway_times_out(keyed, environ, wire):
    environ.setenv("DEERAPI_FIRST_BYTE_TIMEOUT", "0.5")
    keyed.serve(PATHS[wire], Canned(mute=True))
    chat = ChatApp(model="m-one", wire=wire).ask("Hello?")
    assert "did not respond in time" in chat.at.error[0].value
    assert chat.buttons("Retry")


def test_without_a_network_the_page_works(environ, wire):
    with socket.create_server(("127.0.0.1", 0)) as unused_socket:
        port = unused_socket.getsockname()[1]
    environ.setenv("DEERAPI_API_KEY", KEY)
    environ.setenv("DEERAPI_BASE_URL", f"http://127.0.0.1:{port}")
    environ.setenv("DEERAPI_RETRIES", "0")
    chat = ChatApp(model="m-one", wire=wire)
    assert "model list could not be loaded" in chat.text
    chat.ask("Hello?")
    assert "cannot be reached" in chat.at.error[0].value
    assert chat.buttons("Retry")
    assert chat.questions == ["Hello?"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DEERAPI_BASE_URL", "api.deerapi.com"),
        ("DEERAPI_API_KEY", "sk-two words"),
        ("DATABASE_URL", "mysql://somewhere"),
        ("DEERAPI_APIKEY", "sk-two words"),
    ],
)
def test_a_malformed_setting_is_named_without_its_value(environ, caplog, setting, value):
    environ.setenv(setting, value)
    chat = ChatApp()
    assert "Antler cannot start" in chat.at.error[0].value
    assert setting in chat.at.error[0].value
    assert "two words" not in chat.text
    assert "two words" not in caplog.text


@pytest.mark.parametrize("action", ["ask", "delete"])
def test_a_full_disk_keeps_the_question_in_the_composer(keyed, tmp_path, action):
    keyed.serve(PATHS["openai"], REFUSALS["wrong key"][0])
    chat = ChatApp(model="m-one", wire="openai").ask("The first")
    # A trigger refuses every write, like a full disk, also to root.
    with sqlite3.connect(tmp_path / "antler.db") as database:
        for order, table in (("INSERT", "node"), ("UPDATE", "conversation")):
            refuse = "BEGIN SELECT RAISE(ABORT, 'full'); END"
            database.execute(f"CREATE TRIGGER full_{table} BEFORE {order} ON {table} {refuse}")
    if action == "ask":
        chat.ask("Not to be lost")
        assert "The database is unavailable" in chat.text
        assert chat.composer == "Not to be lost"
    else:
        chat.choose_row_action("The first", "Delete")
        assert "othing was changed" in chat.text
    assert chat.questions == ["The first"]
    with sqlite3.connect(tmp_path / "antler.db") as database:
        for table in ("node", "conversation"):
            database.execute(f"DROP TRIGGER full_{table}")
    chat.ask("Not to be lost")
    assert chat.questions == ["The first", "Not to be lost"]
