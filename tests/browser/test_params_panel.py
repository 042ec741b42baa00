"""The panel of parameters: values are sent, kept over reload, page and model, and reset."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.replay import Canned

OPENAI_ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
ANTHROPIC_ANSWER = b'data: {"type":"message","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn"}\n\n'
ANSWERS = {"openai": ("/v1/chat/completions", OPENAI_ANSWER), "anthropic": ("/v1/messages", ANTHROPIC_ANSWER)}


def close_panel(chat: ChatPage) -> ChatPage:
    """Close the panel and wait for the last run."""
    chat.page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)
    return chat.wait_idle()


def test_parameters_are_sent_and_kept_over_reload_page_and_model(keyed, new_page, replay, any_wire):
    path, answer = ANSWERS[any_wire]
    replay.serve(path, Canned(answer))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-two&wire={any_wire}")
    panel = chat.open_parameters()
    chat.set_parameter("System prompt", "Be brief.").set_parameter("Temperature", "0.5").set_parameter(
        "Max tokens", "123"
    )
    expect(chat.page.get_by_role("button", name="Parameters · 3")).to_be_visible()
    expect(panel).to_be_visible()
    chat.open_section("Answer").set_parameter("Stop sequences", "END\nOVER\\n")
    chat.open_section("Request").set_parameter("Extra JSON", '{"verbosity": "low", "max_tokens": 99}')
    close_panel(chat).ask(f"Be told over {any_wire}").wait_idle()
    expect(chat.answers.last).to_contain_text("Yes.")
    sent = replay.last_request(path).json
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("m-two", 0.5, 99)
    assert sent["verbosity"] == "low"
    assert sent["stop_sequences" if any_wire == "anthropic" else "stop"] == ["END", "OVER\n"]
    system = sent["system"] if any_wire == "anthropic" else sent["messages"][0]["content"]
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
    close_panel(chat).ask("And without?").wait_idle()
    sent = replay.last_request(path).json
    assert "And without?" in str(sent["messages"])
    assert not {"temperature", "stop", "stop_sequences", "system", "verbosity"} & set(sent)
