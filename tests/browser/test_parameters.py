"""The panel of parameters: what the target takes, what it does not, and that nothing typed is lost."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.replay import Canned

SAID = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
SAID_BY_CLAUDE = (
    b'data: {"type":"message","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn"}\n\n'
)
ANSWER = {"openai": ("/v1/chat/completions", SAID), "anthropic": ("/v1/messages", SAID_BY_CLAUDE)}


def closed(chat: ChatPage) -> ChatPage:
    """The page with the panel closed, and its last run over."""
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)
    return chat.wait_idle()


def test_what_is_set_is_sent_kept_and_shown_after_reload_other_page_and_other_model(
    keyed, new_page, replay, wire
):
    path, said = ANSWER[wire]
    replay.serve(path, Canned(said))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-two&wire={wire}")
    panel = chat.open_parameters()
    chat.set_parameter("System prompt", "Be brief.").set_parameter("Temperature", "0.5").set_parameter(
        "Max tokens", "123"
    )
    expect(chat.page.get_by_role("button", name="Parameters · 3")).to_be_visible()
    expect(panel).to_be_visible()
    chat.open_section("Answer").set_parameter("Stop sequences", "END\nOVER\\n")
    chat.open_section("Request").set_parameter("Extra JSON", '{"verbosity": "low", "max_tokens": 99}')
    closed(chat).ask(f"Be told over {wire}").wait_idle()
    expect(chat.answers.last).to_contain_text("Yes.")
    sent = json.loads(replay.requests[-1].body)
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("m-two", 0.5, 99)
    assert sent["verbosity"] == "low"
    assert sent["stop_sequences" if wire == "anthropic" else "stop"] == ["END", "OVER\n"]
    system = sent["system"] if wire == "anthropic" else sent["messages"][0]["content"]
    assert system == "Be brief."

    chat.page.reload()
    expect(chat.page.get_by_role("button", name="Parameters · 5")).to_be_visible()
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    chat.page.get_by_role("link", name="Back to chat").click()
    chat.choose_model("m-one")
    chat.open_parameters()
    expect(chat.field("System prompt")).to_have_value("Be brief.")
    expect(chat.field("Max tokens")).to_have_value("123")
    chat.panel.get_by_role("button", name="Reset all").click()
    expect(chat.panel.get_by_role("button", name="Reset all")).to_have_count(0)
    expect(chat.page.get_by_role("button", name="Parameters", exact=True)).to_be_visible()
    expect(chat.field("System prompt")).to_have_value("")
    closed(chat).ask("And without?").wait_idle()
    sent = json.loads(replay.requests[-1].body)
    assert "And without?" in str(sent["messages"])
    assert not {"temperature", "stop", "stop_sequences", "system", "verbosity"} & set(sent)


def test_what_the_target_does_not_take_is_said_in_the_panel_and_before_sending(keyed, new_page, replay):
    replay.serve("/v1/messages", Canned(SAID_BY_CLAUDE))
    chat = ChatPage(new_page(), keyed.url).open("?model=claude-sonnet-4-5&wire=openai")
    chat.open_parameters()
    expect(chat.panel.get_by_text("Temperature (0 to 2)")).to_be_visible()
    chat.set_parameter("Temperature", "1.5")
    closed(chat)
    chat.choose_wire("Anthropic format")
    warned = chat.page.get_by_test_id("stBottom").get_by_text(re.compile("Temperature: .*1 is sent"))
    expect(warned).to_be_visible()
    chat.open_parameters()
    expect(chat.panel.get_by_text("Temperature (0 to 1)")).to_be_visible()
    expect(chat.field("Temperature")).to_have_value("1.50")
    expect(
        chat.panel.get_by_text(re.compile("Not supported by this model in this API format: .*Seed"))
    ).to_be_visible()
    closed(chat).ask("Warm?").wait_idle()
    assert json.loads(replay.requests[-1].body)["temperature"] == 1
    # Claude is Claude over either wire; another model takes more over OpenAI's.
    chat.choose_wire("OpenAI format")
    expect(warned).to_contain_text("Claude supports 0 to 1")
    chat.choose_model("m-one")
    expect(warned).to_have_count(0)


def test_json_that_is_none_is_refused_with_a_reason_and_nothing_typed_is_lost(keyed, new_page, replay):
    replay.serve("/v1/chat/completions", Canned(SAID))
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai").ask("First").wait_idle()
    before = len(replay.requests)
    chat.open_parameters()
    chat.open_section("Request").set_parameter("Extra JSON", '{"top_k": 5')
    expect(chat.panel.get_by_text("is not a JSON object").first).to_be_visible()
    closed(chat)
    chat.composer.fill("Second")
    chat.composer.press("Enter")
    expect(chat.page.get_by_role("alert")).to_contain_text("“Extra JSON” is not a JSON object")
    expect(chat.composer).to_have_value("Second")
    chat.answer_button("Regenerate").click()
    expect(chat.page.get_by_role("alert")).to_contain_text("“Extra JSON” is not a JSON object")
    assert len(replay.requests) == before
    chat.page.reload()
    chat.open_parameters()
    chat.open_section("Request")
    expect(chat.field("Extra JSON")).to_have_value('{"top_k": 5')
    chat.set_parameter("Extra JSON", '{"top_k": 5}')
    closed(chat).ask("Third").wait_idle()
    assert json.loads(replay.requests[-1].body)["top_k"] == 5
