"""Feedback on answers: kept, shown again, changed and removed; counts for admins, comments for nobody else."""

from __future__ import annotations

import json
from typing import Any

from lib.core.conversation import Feedback
from lib.ui.session import resources
from tests.app.chat_app import ChatApp


def shown_messages(chat: ChatApp) -> list[dict[str, Any]]:
    """Return the messages for which the browser has tools, as they were sent to it."""
    components = [element.proto for element in chat.at.get("bidi_component")]
    by_id: dict[str, dict[str, Any]] = {}
    for component in components:
        if component.component_name == "antler.message_tools":
            by_id |= {
                message["id"]: message for message in json.loads(component.mixed.json or component.json)["messages"]
            }
    return list(by_id.values())


def open_form(chat: ChatApp, rating: str) -> str:
    """Rate the last answer as a click does; return its id."""
    answer = shown_messages(chat)[-1]["id"]
    resources.store().messages.set_feedback("browser:0123", answer, Feedback(rating))
    chat.at.session_state["feedback_node_id"] = answer
    chat.run()
    return answer


def test_each_message_can_be_copied_as_it_was_written(faked, wire):
    chat = ChatApp(model="demo-echo", wire=wire).ask("a  *b*\n\n<c> &amp; \\(x\\)")
    question, answer = shown_messages(chat)
    assert (question["text"], question["number"]) == ("a  *b*\n\n<c> &amp; \\(x\\)", 1)
    (stored,) = [
        node for node in resources.store().messages.nodes("browser:0123", chat.conversation) if node.id == answer["id"]
    ]
    assert answer["text"] == stored.message.text
    assert "rating" not in question and answer["rating"] == ""


def test_a_comment_is_kept_and_can_be_changed_and_removed_with_its_rating(faked):
    chat = ChatApp(model="demo-crlf", wire="openai").ask("Why?")
    answer = open_form(chat, "bad")
    chat.fill("What was wrong with this answer?", "Too *short*").click("Save")
    assert resources.store().messages.node("browser:0123", answer).feedback == Feedback("bad", "Too *short*")
    again = ChatApp(c=chat.conversation)
    assert shown_messages(again)[-1]["rating"] == "bad"
    again.at.session_state["feedback_node_id"] = answer
    field = again.run().field("What was wrong")
    assert field.value == "Too *short*"
    again.click("Remove feedback")
    assert shown_messages(again)[-1]["rating"] == ""
    assert resources.store().messages.node("browser:0123", answer).feedback is None


def test_another_model_is_one_click_and_a_long_list_is_searched(faked):
    chat = ChatApp(model="demo-echo", wire="openai").ask("One").ask("Two")
    chat.regenerate_with(0, "All models").choose_model("demo-crlf", "Choose a model to regenerate with")
    assert chat.questions == ["One"]
    assert "2 / 2" in chat.text and "**demo-crlf**" in chat.answers[-1]
    chat.click("Previous version").regenerate_with(-1, "demo-crlf")
    assert chat.questions == ["One", "Two"]
    assert "2 / 2" in chat.text
