"""A conversation that fills the context window: the warning before sending, each choice, and Undo."""

from __future__ import annotations

import re

import pytest

from lib.core.target import Target
from tests.app.chat_app import ChatApp
from tests.app.history import save_chat

FIRST, THIRD = "First " + "word " * 300, "Third " + "word " * 100
ANSWER = "Yes, " + "word " * 150
TOO_LONG = "This chat needs"
CHOICES = (
    "Leave out the oldest messages",
    "Summarise the oldest messages",
    "New chat from the latest messages",
)


def open_chat(wire: str = "openai") -> ChatApp:
    return ChatApp(model="demo-short-memory", wire=wire)


def fill_window(wire: str) -> ChatApp:
    """Return a conversation whose third question was not sent, because it would not fit."""
    chat = open_chat(wire).ask(FIRST).ask("Second")
    ask_too_long(chat, THIRD)
    return chat


def seed_window() -> ChatApp:
    """Return such a conversation whose first two questions were not asked, but saved with their answers."""
    chat = ChatApp(c=save_chat(FIRST, ANSWER, "Second", ANSWER, target=Target("demo-short-memory", "openai")).id)
    ask_too_long(chat, THIRD)
    return chat


def ask_too_long(chat: ChatApp, text: str) -> None:
    questions = chat.questions
    chat.ask(text)
    assert f"Not sent. {TOO_LONG}" in chat.text
    assert chat.composer == text
    assert chat.questions == questions


def send_again(chat: ChatApp, text: str = THIRD) -> ChatApp:
    assert "Press Enter to send." in chat.text
    assert chat.composer == text
    return chat.ask(text)


def test_leaving_out_the_oldest_turns_sends_the_rest_until_undone(faked, wire):
    chat = fill_window(wire)
    assert "the context window of demo-short-memory is 800." in chat.text
    assert "leave out the oldest question and its answer." in chat.text
    (summary,) = chat.buttons("Summarise the oldest messages")
    assert summary.disabled
    assert "Summaries need a low-cost model" in chat.text
    chat.click("Leave out the oldest messages")
    assert "Messages above are no longer sent to the model." in chat.text
    send_again(chat)
    assert len(chat.questions) == 3
    assert "nothing is missing" in chat.answers[-1]
    assert chat.text.index("First word") < chat.text.index("Messages above are no longer") < chat.text.index("Second")
    chat.click("Send all messages again")
    assert "Messages above are no longer" not in chat.text
    assert TOO_LONG in chat.text
    assert len(chat.questions) == 3


def test_the_share_of_a_window_that_is_nearly_full_is_shown(faked):
    chat = open_chat().ask(FIRST).ask("Second").run()
    assert re.search(r"This chat uses (8|9)\d% of the context window of demo-short-memory\.", chat.text)
    assert TOO_LONG not in chat.text
    # The window of another model is unknown.
    chat.choose_model("demo-tour")
    assert "of the context window of" not in chat.text


def test_a_conversation_that_is_too_long_can_be_sent_unchanged_once(faked):
    chat = seed_window().click("Send anyway")
    send_again(chat)
    assert len(chat.questions) == 3
    assert "too long for the model's context window" in chat.answers[-1]
    ask_too_long(chat, "And now?")


def test_a_question_that_is_too_long_alone_can_only_go_to_another_model(faked):
    chat = open_chat()
    ask_too_long(chat, "word " * 900)
    assert "Shorten your message, or choose a model with a larger context window" in chat.text
    assert all(chat.buttons(choice)[0].disabled for choice in CHOICES)
    chat.choose_model("demo-tour")
    assert TOO_LONG not in chat.text
    chat.ask("word " * 900)
    assert len(chat.questions) == 1


def test_a_new_chat_can_begin_with_the_last_turns(faked):
    chat = seed_window().click("New chat from the latest messages")
    assert chat.questions == ["Second"]
    send_again(chat)
    assert len(chat.questions) == 2
    assert "nothing is missing" in chat.answers[-1]


def test_a_summary_of_the_oldest_turns_is_sent_in_their_place(faked, environ, wire):
    environ.setenv("DEERAPI_CHEAP_MODEL", "demo-cheap@anthropic")
    chat = fill_window(wire)
    assert "Summaries need a low-cost model" not in chat.text
    chat.click("Summarise the oldest messages")
    chat.wait_for("Messages above are sent to the model as a summary.")
    assert "In short: First word word" in chat.text
    send_again(chat)
    assert len(chat.questions) == 3
    chat.click("Send all messages again")
    assert "sent to the model as a summary" not in chat.text
    assert TOO_LONG in chat.text


def test_a_new_chat_can_begin_with_a_summary(faked, environ):
    environ.setenv("DEERAPI_CHEAP_MODEL", "demo-cheap@anthropic")
    chat = seed_window().click("New chat from a summary")
    chat.wait_for("Here is a summary of our conversation")
    assert chat.questions[1] == "Second"
    send_again(chat)
    assert len(chat.questions) == 3


@pytest.mark.parametrize("model", ["demo-silent", "demo-no-balance"])
def test_a_summary_that_fails_or_is_cancelled_changes_nothing(faked, environ, model):
    environ.setenv("DEERAPI_CHEAP_MODEL", model)
    chat = seed_window().click("Summarise the oldest messages")
    if model == "demo-silent":
        assert "Summarising the oldest messages" in chat.text
        chat.click("Cancel")
    else:
        chat.wait_for("The summary failed. Nothing was changed.")
        assert "The API key has no credit left." in chat.text
    chat.wait_for("Leave out the oldest messages")
    chat.click("Leave out the oldest messages")
    send_again(chat)
    assert len(chat.questions) == 3


def test_the_title_is_generated_by_the_cheap_model(faked, environ):
    environ.setenv("DEERAPI_CHEAP_MODEL", "demo-cheap@anthropic")
    chat = ChatApp(model="demo-tour", wire="openai").ask("What is a tide?")
    chat.wait_for("In short: What is a tide?")
