"""The panel of parameters: what the target takes, what it does not, and that nothing typed is lost."""

from __future__ import annotations

import json

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
