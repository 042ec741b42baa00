"""A conversation as a tree: edit, regenerate, continue from a message, branch off, delete, undo."""

from __future__ import annotations

import pytest

from tests.app.chat_app import ChatApp
from tests.app.history import save_chat

QUESTIONS = ["First question", "Second question"]


@pytest.fixture
def chat(faked) -> ChatApp:
    """A conversation of two turns, with a model that answers with the request."""
    return ChatApp(c=save_chat(QUESTIONS[0], "First answer", QUESTIONS[1], "Second answer").id)


def test_an_edited_question_is_a_version_and_both_branches_stay(chat):
    chat.click("Edit", 0).fill("Edit", "First question, better").click("Send")
    assert chat.questions == ["First question, better"]
    assert "First question, better" in chat.answers[-1]
    assert "2 / 2" in chat.text
    chat.click("Previous version")
    assert chat.questions == QUESTIONS
    chat.click("Next version", 0)
    assert chat.questions == ["First question, better"]


def test_an_empty_edit_is_refused_and_an_edit_can_be_cancelled(chat):
    chat.click("Edit").fill("Edit", " \u200b ").click("Send")
    assert "There is nothing to send." in chat.text
    chat.click("Cancel")
    assert chat.questions == QUESTIONS
    assert len(chat.answers) == 2


def test_the_text_of_a_cancelled_edit_is_kept_until_it_is_sent(chat):
    chat.click("Edit").fill("Edit", "Second question, half done").click("Cancel")
    assert chat.questions == QUESTIONS
    chat.click("Edit", 0)
    assert chat.field("Edit").value == "First question"
    chat.click("Cancel").click("Edit")
    assert chat.field("Edit").value == "Second question, half done"
    chat.click("Send")
    assert chat.questions == ["First question", "Second question, half done"]
    chat.click("Previous version").click("Edit")
    assert chat.field("Edit").value == "Second question"


def test_two_editors_are_open_at_once_and_each_is_sent_by_itself(chat):
    chat.click("Edit", 0)
    assert len(chat.at.main.text_area) == 1
    chat.click("Edit")
    assert [field.value for field in chat.at.main.text_area] == QUESTIONS
    # What is typed in a form is in the browser, as long as the form stays.
    chat.click("Send", 1)
    assert len(chat.at.main.text_area) == 1 and chat.questions == QUESTIONS[1:]
    chat.fill("Edit", "First question, better").click("Send")
    assert chat.questions == ["First question, better"]


def test_an_earlier_answer_can_be_regenerated_by_another_model(chat):
    chat.choose_model("demo-crlf").regenerate_with(0, "demo-crlf")
    assert chat.questions == ["First question"]
    assert "demo-crlf" in chat.text and "2 / 2" in chat.text
    chat.click("Previous version")
    assert chat.questions == QUESTIONS


def test_continuing_from_an_earlier_answer_can_be_undone(chat):
    chat.choose_action(1, "Continue from here")
    assert chat.questions == ["First question"]
    chat.click("Undo")
    assert chat.questions == QUESTIONS
    chat.choose_action(1, "Continue from here").ask("Another second question")
    assert chat.questions == ["First question", "Another second question"]
    assert "2 / 2" in chat.text
    assert not chat.buttons("Undo")


def test_a_branch_in_a_new_chat_leaves_the_first_chat_unchanged(chat):
    chat.choose_action(1, "Branch in new chat")
    assert chat.questions == ["First question"]
    assert "First question (branch)" in chat.text
    chat.ask("Only in the branch")
    chat.click("First question")
    assert chat.questions == QUESTIONS


def test_a_branch_before_a_question_has_its_text_in_the_composer(chat):
    chat.choose_action(2, "Branch in new chat")
    assert chat.questions == ["First question"]
    assert chat.composer == "Second question"
    chat.choose_action(0, "Branch in new chat")
    assert chat.questions == []
    assert chat.composer == "First question"


def test_a_deleted_turn_leaves_the_others_and_can_be_restored(chat):
    chat.choose_action(0, "Delete question and answers")
    assert chat.questions == ["Second question"]
    assert "Question and answers deleted." in chat.text
    chat.click("Undo")
    assert chat.questions == QUESTIONS
    chat.choose_action(3, "Delete question and answers")
    assert chat.questions == ["First question"]
    assert len(chat.run().answers) == 1


def test_two_sessions_that_continue_at_once_get_two_branches(chat):
    other = ChatApp(c=chat.conversation)
    assert other.questions == QUESTIONS
    chat.ask("From the first tab")
    other.ask("From the second tab")
    assert "This chat was continued elsewhere" in other.text
    assert "2 / 2" in other.text
    other.click("Previous version")
    assert other.questions == [*QUESTIONS, "From the first tab"]
