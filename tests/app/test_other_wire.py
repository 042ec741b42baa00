"""An answer over the other format: asking for it, its place beside the first one, and the comparison of both."""

from __future__ import annotations

from tests.app.chat_app import ChatApp
from tests.support.replay import JSON, Canned

OTHER = {"openai": "Anthropic format", "anthropic": "OpenAI format"}


def test_any_answer_is_asked_for_over_the_other_format_and_compared(faked, wire):
    chat = ChatApp(model="demo-thinker", wire=wire).ask("First?").ask("Second?")
    chat.choose_action(1, f"Ask in {OTHER[wire]}")
    assert chat.questions == ["First?"]
    assert f"**demo-thinker** · {OTHER[wire]}" in chat.answers[-1].replace("\\", "")
    assert "2 / 2" in chat.text
    chat.click("Compare formats")
    assert "| Stop reason :small[:gray[two names for one ending]] |" in chat.text
    assert "| API format |" in chat.text
    assert "| Signature" in chat.text
    assert "Requested model" not in chat.text  # the same, so only shown on demand
    chat.set_field("Show equal values", True)
    assert "| Requested model | demo-thinker | demo-thinker |" in chat.text
    assert "| content-type | text/event-stream" in chat.text


def test_the_first_answer_offers_the_comparison_too_and_any_two_can_be_chosen(faked):
    chat = ChatApp(model="demo-echo", wire="openai").ask("Which?").click("Regenerate")
    assert not chat.buttons("Compare formats")
    chat.choose_action(-1, "Ask in Anthropic format")
    chat.click("Previous version").click("Previous version")
    assert "1 / 3" in chat.text
    chat.click("Compare formats")
    versions = chat.field("Left").options
    assert [version.partition(" · ")[0] for version in versions] == ["Version 1", "Version 2", "Version 3"]
    assert "| OpenAI format | Anthropic format |" in chat.text
    chat.set_field("Right", versions[1])
    assert "| API format |" not in chat.text
    chat.set_field("Show equal values", True)
    assert "| Version 1 | Version 2 |" in chat.text
    assert "| API format | OpenAI format | OpenAI format |" in chat.text
    chat.set_field("Right", chat.field("Right").options[0])
    assert "Choose two different versions." in chat.text


def test_a_format_that_is_not_listed_for_the_model_is_explained_and_not_asked(keyed):
    models = b'{"data":[{"id":"m-one","supported_endpoint_types":["openai"]}]}'
    keyed.serve("/v1/models", Canned(models, headers=JSON))
    body = b'{"choices":[{"message":{"content":"Yes"},"finish_reason":"stop"}]}'
    keyed.serve("/v1/chat/completions", Canned(body, headers=JSON))
    chat = ChatApp(model="m-one", wire="openai").ask("Here?")
    sent = len(keyed.requests)
    chat.choose_action(-1, "Ask in Anthropic format (not listed)")
    assert "The gateway does not list m-one for Anthropic format" in chat.text
    assert len(keyed.requests) == sent


def test_a_temporary_chat_compares_too(faked):
    chat = ChatApp(model="demo-echo", wire="openai").click("Temporary chat").ask("Here?")
    chat.choose_action(-1, "Ask in Anthropic format").click("Compare formats")
    assert "| API format | OpenAI format | Anthropic format |" in chat.text
