"""A conversation as a tree, by hand: edit, answer again, page, go back, branch off, delete, take back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage


@pytest.fixture
def talk(app, new_page) -> ChatPage:
    """A conversation of two turns with a demo that answers at once."""
    chat = ChatPage(new_page(), app.url).open("?model=demo-echo&wire=openai")
    return chat.ask("First question").wait_idle().ask("Second question").wait_idle()


def choose(chat: ChatPage, message: Locator, action: str) -> None:
    """An action from the menu of a message."""
    message.hover()
    message.get_by_test_id("stMenuButtonButton").filter(visible=True).click()
    chat.page.get_by_role("menuitem", name=action).click()


def asked(chat: ChatPage, text: str) -> Locator:
    return chat.page.locator('[class*="st-key-asked-"]').filter(has_text=text)


def edit(chat: ChatPage, before: str, after: str) -> None:
    question = asked(chat, before)
    question.hover()
    question.get_by_role("button", name="Edit").click()
    chat.page.get_by_role("textbox", name="Edit").fill(after)
    chat.page.get_by_role("button", name="Send", exact=True).filter(visible=True).first.click()


def test_an_edited_question_is_a_version_beside_the_first_and_both_branches_stay(talk):
    edit(talk, "First question", "First question, better")
    expect(talk.questions).to_have_text(["First question, better"])
    talk.wait_idle()
    expect(talk.answers.last).to_contain_text("First question, better")
    question = asked(talk, "First question, better")
    expect(question).to_contain_text("2 / 2")
    question.get_by_role("button", name="Previous version").click()
    expect(talk.questions).to_have_text(["First question", "Second question"])
    talk.page.reload()
    expect(talk.questions).to_have_text(["First question", "Second question"])
    asked(talk, "First question").get_by_role("button", name="Next version").click()
    expect(talk.questions).to_have_text(["First question, better"])


def test_an_edit_can_be_given_up_and_an_empty_one_is_refused_and_kept(talk):
    question = asked(talk, "Second question")
    question.hover()
    question.get_by_role("button", name="Edit").click()
    box = talk.page.get_by_role("textbox", name="Edit")
    expect(box).to_have_value("Second question")
    box.fill("   ")
    talk.page.get_by_role("button", name="Send", exact=True).filter(visible=True).first.click()
    expect(talk.page.get_by_text("There is nothing to send. Type a message first.")).to_be_visible()
    expect(box).to_be_visible()
    talk.page.get_by_role("button", name="Cancel").click()
    expect(talk.questions).to_have_text(["First question", "Second question"])
    expect(talk.answers).to_have_count(2)


def test_an_earlier_answer_is_given_again_by_another_target(talk):
    talk.choose_model("demo-crlf")
    choose(talk, talk.answers.first, "Regenerate")
    talk.wait_idle()
    expect(talk.questions).to_have_text(["First question"])
    expect(talk.answers.last).to_contain_text("demo-crlf")
    expect(talk.answers.last).to_contain_text("2 / 2")
    talk.answer_button("Previous version").click()
    expect(talk.questions).to_have_text(["First question", "Second question"])


def test_one_can_go_on_from_an_earlier_answer_and_take_that_back(talk):
    choose(talk, talk.answers.first, "Continue from here")
    expect(talk.questions).to_have_text(["First question"])
    talk.page.get_by_role("button", name="Undo").click()
    expect(talk.questions).to_have_text(["First question", "Second question"])
    choose(talk, talk.answers.first, "Continue from here")
    expect(talk.questions).to_have_text(["First question"])
    talk.ask("Another second question").wait_idle()
    expect(asked(talk, "Another second question")).to_contain_text("2 / 2")
    expect(talk.page.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_branch_becomes_a_conversation_of_its_own(talk):
    address = talk.page.url
    choose(talk, talk.answers.first, "Branch in new chat")
    expect(talk.questions).to_have_text(["First question"])
    assert talk.page.url != address
    expect(talk.rows.first).to_contain_text("First question (branch)")
    talk.ask("Only in the branch").wait_idle()
    talk.page.goto(address)
    expect(talk.questions).to_have_text(["First question", "Second question"])


def test_a_branch_before_a_question_has_its_words_in_the_box(talk):
    choose(talk, asked(talk, "Second question"), "Branch in new chat")
    expect(talk.questions).to_have_text(["First question"])
    expect(talk.composer).to_have_value("Second question")
    choose(talk, asked(talk, "First question"), "Branch in new chat")
    expect(talk.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(talk.composer).to_have_value("First question")


def test_a_turn_is_deleted_what_follows_stays_and_it_can_be_taken_back(talk):
    choose(talk, asked(talk, "First question"), "Delete question and answers")
    expect(talk.questions).to_have_text(["Second question"])
    expect(talk.page.get_by_text("Question and answers deleted.")).to_be_visible()
    talk.page.get_by_role("button", name="Undo").click()
    expect(talk.questions).to_have_text(["First question", "Second question"])
    choose(talk, talk.answers.last, "Delete question and answers")
    expect(talk.questions).to_have_text(["First question"])
    talk.page.reload()
    expect(talk.questions).to_have_text(["First question"])
    expect(talk.answers).to_have_count(1)


def test_two_tabs_that_go_on_at_once_get_two_branches_and_are_told(talk, new_page):
    expect(talk.page).to_have_url(re.compile(r"[?&]c="))
    other = ChatPage(new_page(), talk.url)
    other.page.goto(talk.page.url)
    expect(other.questions).to_have_count(2)
    talk.ask("From the first tab").wait_idle()
    other.ask("From the second tab").wait_idle()
    expect(other.page.get_by_text("This chat was continued elsewhere")).to_be_visible()
    expect(asked(other, "From the second tab")).to_contain_text("2 / 2")
    asked(other, "From the second tab").get_by_role("button", name="Previous version").click()
    expect(other.questions).to_have_text(["First question", "Second question", "From the first tab"])
