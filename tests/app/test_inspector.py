"""Inspector: the drawer of an answer, the page of recent requests, and an edited request that is sent once more."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lib.core.exchanges import Chunk
from lib.core.params import ParamAdjustment
from lib.ui.session import resources
from lib.ui.session.values import Inspection
from tests.app.chat_app import ChatApp
from tests.app.conftest import KEY
from tests.support.replay import JSON, Canned

SSE = b'data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"Hi *there* <b>"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":3}}\n\n'
CHAT_PATH = "/v1/chat/completions"


def inspect(chat: ChatApp) -> ChatApp:
    return chat.click("Inspect")


def open_tab(chat: ChatApp, name: str) -> ChatApp:
    chat.at.session_state["inspector-tabs-en"] = name
    return chat.run()


@pytest.fixture
def answered(keyed) -> ChatApp:
    """A chat with an answer of the replay server."""
    keyed.serve(CHAT_PATH, Canned(SSE + END + b"data: [DONE]\n\n", headers={"X-Request-Id": "req-77"}))
    return ChatApp(model="m-one", wire="openai").ask("Say hi")


def test_the_drawer_shows_what_was_sent_and_received(answered):
    assert "Inspector" not in answered.text.replace("Inspector\n", "")
    text = inspect(answered).text
    assert "POST http://127.0.0.1" in text
    assert "Bearer $API_KEY" in text
    assert KEY not in text
    assert '"content": "Say hi"' in text
    response = open_tab(answered, "Response").text
    assert "200" in response
    assert "req-77" in response


def test_frames_have_their_events_as_literal_text(answered):
    text = open_tab(inspect(answered), "Frames").text
    assert 'Text "Hi *there* <b>"' in text
    assert "[DONE]" in text
    answered.at.session_state["inspector-find"] = "finish_reason"
    text = answered.run().text
    assert "1 of 3" in text
    assert "[DONE]" not in text


def test_the_timeline_has_its_numbers_in_tables(answered):
    text = open_tab(inspect(answered), "Timeline").text
    assert "| First text |" in text
    assert "| Output tokens, as the gateway counts them | 3 |" in text


def test_the_code_is_that_of_the_request(answered):
    text = open_tab(inspect(answered), "Code").text
    assert "curl -N" in text
    assert '"Authorization: Bearer $API_KEY"' in text
    answered.at.session_state["inspector-code-kind"] = "sdk"
    assert "from openai import OpenAI" in answered.run().text


def test_retries_are_attempts(keyed):
    keyed.serve(
        CHAT_PATH,
        Canned(
            b'{"error":{"message":"unsupported parameter: temperature","param":"temperature",'
            b'"code":"unsupported_parameter"}}',
            400,
            JSON,
        ),
        Canned(SSE + END + b"data: [DONE]\n\n"),
    )
    chat = ChatApp(model="m-one", wire="openai", is_panel_open=True).fill("Temperature", 0.5).ask("Say hi")
    attempts = next(group for group in inspect(chat).at.get("button_group") if group.label == "Attempts")
    assert attempts.options == ["1 · first · request\\_refused", "2 · changed · 200"]
    assert '"temperature": 0.5' not in chat.text
    attempts.set_value((0, 0))
    assert '"temperature": 0.5' in chat.run().text


def test_an_answer_without_a_record_says_so(keyed, environ):
    environ.setenv("ANTLER_RECORD_KB", "0")
    keyed.serve(CHAT_PATH, Canned(SSE + END + b"data: [DONE]\n\n"))
    chat = ChatApp(model="m-one", wire="openai").ask("Say hi")
    assert not chat.buttons("Inspect")


def test_the_page_lists_requests_and_opens_one(answered):
    page = answered.open_page("inspector")
    assert "m-one" in page.text
    page.at.button(key=next(b.key for b in page.at.button if b.key.startswith("exchange-open-"))).click()
    text = page.run().text
    assert "POST http://127.0.0.1" in text
    assert page.at.query_params["exchange"]


def test_another_user_sees_nothing(answered):
    page = answered.open_page("inspector")
    opened = next(b.key for b in page.at.button if b.key.startswith("exchange-open-")).removeprefix("exchange-open-")
    other = ChatApp("inspector", browser="4567", exchange=opened)
    assert "not recorded" in other.text
    assert "Say hi" not in other.text
    assert "m-one" not in ChatApp("inspector", browser="4567").text


def test_a_filter_narrows_the_list(answered):
    page = answered.open_page("inspector").set_field("Filter by model", "two")
    assert "No recorded request matches" in page.text
    page.set_field("Filter by model", "ONE").set_field("Errors only", True)
    assert "No recorded request matches" in page.text


def edited(chat: ChatApp, **changes) -> None:
    field = next(area for area in chat.at.text_area if area.label == "Body as JSON")
    field.set_value(json.dumps(json.loads(field.value) | changes))


def test_another_parameter_is_another_version_of_the_answer(answered, keyed):
    open_tab(inspect(answered), "Edit and send")
    edited(answered, temperature=0.25, x_vendor=1)
    answered.click("Send")
    assert keyed.last_request(CHAT_PATH).json["x_vendor"] == 1
    assert "2 / 2" in answered.run().text
    assert answered.questions == ["Say hi"]


def test_other_messages_begin_a_conversation(answered, keyed):
    before = answered.conversation
    open_tab(inspect(answered), "Edit and send")
    edited(answered, messages=[{"role": "user", "content": "Say bye"}])
    answered.click("Send").run()
    assert answered.conversation != before
    assert answered.questions == ["Say bye"]


def test_what_cannot_be_sent_is_explained_and_stays(answered, keyed):
    count = len(keyed.requests_for(CHAT_PATH))
    open_tab(inspect(answered), "Edit and send")
    # The place of this error is the same in all versions of Python; that of a comma before the end is not.
    body = '{"model":\n}'
    next(area for area in answered.at.text_area if area.label == "Body as JSON").set_value(body)
    answered.click("Send")
    assert "line 2, column 1" in answered.text
    assert len(keyed.requests_for(CHAT_PATH)) == count


def test_a_hostile_exchange_is_shown_as_it_is(answered):
    """An imported bug report can hold anything."""
    owner, store = "browser:0123", resources.store()
    found = store.exchanges.recent(owner, 1)[0]
    real = store.exchanges.get(owner, found.id)
    attempt = replace(
        real.attempts[0],
        url="http://[evil",
        headers={"X\n<b>": "\u202e:red[x] $API_KEY"},
        response_headers={"a|b": "<script>"},
        chunks=(Chunk(0.1, b"\xff\xfe data: [a](http://b)\n\n"),),
        status=99,
    )
    adjustments = (ParamAdjustment("no_such_rule", "no_such_param", "*x*"),)
    session = Inspection(
        exchange_id="x",
        place=(True, answered.conversation),
        exchanges=[replace(real, attempts=(attempt,), adjustments=adjustments)],
    )
    answered.at.session_state["inspection"] = session
    for tab in ("Request", "Code", "Response", "Frames", "Timeline", "Edit and send"):
        text = open_tab(answered, tab).text
        assert "Inspector" in text
    assert "no_such_rule no_such_param *x*" in open_tab(answered, "Request").text
    assert "not to your gateway 127.0.0.1" in open_tab(answered, "Code").text


def test_the_drawer_stays_where_it_was_opened(answered):
    conversation = answered.conversation
    assert "Bearer $API_KEY" in inspect(answered).text
    answered.at.query_params.clear()
    assert "Bearer $API_KEY" not in answered.run().text
    answered.at.query_params["c"] = conversation
    assert "Bearer $API_KEY" not in answered.run().text
