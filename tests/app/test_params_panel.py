"""The parameters: what the target supports, warnings before sending, and no lost input."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.app.chat_app import ChatApp
from tests.support.replay import Canned, Replay

OPENAI_ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
ANTHROPIC_ANSWER = b'data: {"type":"message","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn"}\n\n'


def get_last_body(gateway: Replay) -> dict[str, object]:
    body: dict[str, object] = json.loads(gateway.requests[-1].body)
    return body


def test_a_value_that_the_target_does_not_support_is_announced_and_adapted(keyed):
    keyed.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
    chat = ChatApp(model="claude-sonnet-4-5", wire="openai", is_panel_open=True)
    assert chat.field("Temperature").label == "Temperature (0 to 2)"
    chat.set_field("Temperature", 1.5).choose_wire("anthropic")
    warning = re.compile("Temperature: .*1 will be sent")
    assert warning.search(chat.text)
    assert chat.field("Temperature").label == "Temperature (0 to 1)"
    assert chat.field("Temperature").value == 1.5
    assert re.search(r"Not supported by this model in this API format: .*Seed", chat.text)
    chat.ask("Warm?")
    assert get_last_body(keyed)["temperature"] == 1
    # Claude has the same range over either wire; another model has a wider one over OpenAI's.
    assert warning.search(chat.choose_wire("openai").text)
    assert not warning.search(chat.choose_model("m-one").text)


def test_invalid_json_is_refused_and_stays_in_its_field(keyed):
    keyed.serve("/v1/chat/completions", Canned(OPENAI_ANSWER))
    chat = ChatApp(model="m-one", wire="openai").ask("First").set_field("Extra JSON", '{"top_k": 5')
    request_count = len(keyed.requests)
    chat.ask("Second")
    assert "“Extra JSON” is not a JSON object" in chat.text
    assert chat.composer == "Second"
    chat.click("Regenerate")
    assert "“Extra JSON” is not a JSON object" in chat.text
    assert len(keyed.requests) == request_count
    reopened = ChatApp(c=chat.conversation, is_panel_open=True)
    assert reopened.field("Extra JSON").value == '{"top_k": 5'
    reopened.fill("Extra JSON", '{"top_k": 5}').ask("Third")
    assert get_last_body(keyed)["top_k"] == 5


def test_parameters_are_sent_kept_for_another_session_and_model_and_reset(keyed, wire):
    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[wire]
    keyed.serve(path, Canned({"openai": OPENAI_ANSWER, "anthropic": ANTHROPIC_ANSWER}[wire]))
    chat = ChatApp(model="m-two", wire=wire, is_panel_open=True).fill("System prompt", "Be brief.")
    chat.fill("Temperature", 0.5).fill("Max tokens", 123).fill("Stop sequences", "END\nOVER\\n")
    chat.fill("Extra JSON", '{"verbosity": "low", "max_tokens": 99}').ask("Hello?")
    body = get_last_body(keyed)
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m-two", 0.5, 99)
    assert body["verbosity"] == "low"
    assert body["stop_sequences" if wire == "anthropic" else "stop"] == ["END", "OVER\n"]
    other = ChatApp(c=chat.conversation).choose_model("m-one")
    assert other.field("System prompt").value == "Be brief."
    assert other.field("Max tokens").value == 123
    other.click("Reset all")
    assert not other.buttons("Reset all")
    assert not other.field("System prompt").value
    other.ask("And without?")
    body = get_last_body(keyed)
    assert "And without?" in str(body["messages"])
    assert not {"temperature", "stop", "stop_sequences", "system", "verbosity"} & set(body)


def effort_menus(chat: ChatApp) -> list[Any]:
    return [menu for menu in chat.at.get("menu_button") if menu.proto.label.startswith("Effort")]


def test_effort_beside_the_model_is_that_of_the_panel_and_is_sent(keyed):
    keyed.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
    chat = ChatApp(model="claude-sonnet-5-5", wire="anthropic")
    (menu,) = effort_menus(chat)
    assert menu.proto.label == "Effort"
    assert menu.options == ["default", "none", "low", "medium", "high", "extra high", "max"]
    menu.click_index(menu.options.index("high"))
    chat.run()
    assert chat.field("Thinking effort").value == "high"
    assert effort_menus(chat)[0].proto.label == "Effort: high"
    chat.ask("Why?")
    body = get_last_body(keyed)
    assert body["output_config"] == {"effort": "high"}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["max_tokens"] == 32_000
    assert effort_menus(ChatApp(c=chat.conversation))[0].proto.label == "Effort: high"
    (menu,) = effort_menus(chat.set_field("Thinking effort", "low"))
    menu.click_index(0)
    chat.run().ask("And now?")
    assert "output_config" not in get_last_body(keyed)


def test_a_model_without_levels_has_no_effort_beside_it(keyed):
    assert effort_menus(ChatApp(model="m-one", wire="openai")) == []
    assert effort_menus(ChatApp(model="claude-sonnet-4-5", wire="anthropic")) == []


def test_thinking_that_a_model_cannot_turn_off_is_announced(keyed):
    keyed.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
    chat = ChatApp(model="claude-opus-5-5", wire="anthropic", is_panel_open=True).set_field("Thinking mode", "off")
    assert "Thinking mode: this model always thinks. Lower the thinking effort instead." in chat.text
    chat.ask("Why?")
    assert get_last_body(keyed)["thinking"] == {"type": "adaptive", "display": "summarized"}
    chat = (
        ChatApp(model="claude-sonnet-5-5", wire="anthropic", is_panel_open=True)
        .fill("Thinking mode", "off")
        .ask("Why?")
    )
    assert get_last_body(keyed)["thinking"] == {"type": "between_tools"}
    assert "always thinks" not in chat.text


def estimates(chat: ChatApp) -> list[Any]:
    return [caption for caption in chat.at.caption if caption.value.startswith("≈")]


def test_an_output_limit_above_the_maximum_of_the_model_is_announced_and_lowered(keyed):
    keyed.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
    chat = ChatApp(model="claude-3-haiku-20240307", wire="anthropic")
    assert estimates(chat) == []
    chat.ask("Why?")
    assert get_last_body(keyed)["max_tokens"] == 4096
    (estimate,) = estimates(chat)
    assert "1,024 output tokens" in estimate.help and "at most 4,096 tokens" in estimate.help
    chat.set_field("Max tokens", 8192)
    assert "Max tokens: above the model's maximum. 4096 will be sent." in chat.text
    chat.ask("And now?")
    assert get_last_body(keyed)["max_tokens"] == 4096
