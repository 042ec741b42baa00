"""A conversation as a tree: edit a question, and branch off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage


@pytest.fixture
def chat(app, new_page) -> ChatPage:
    """A conversation of two turns."""
    chat = ChatPage(new_page(), app.url).open("?model=demo-echo&wire=openai")
    return chat.ask("First question").wait_idle().ask("Second question").wait_idle()


def choose_action(chat: ChatPage, message: Locator, action: str) -> None:
    """Choose an action from the menu of a message."""
    message.hover()
    message.get_by_role("button", name="More actions").click()
    chat.page.get_by_role("menuitem", name=action).click()


def find_question(chat: ChatPage, text: str) -> Locator:
    return chat.page.locator('[class*="st-key-question-"]').filter(has_text=text)


def edit(chat: ChatPage, before: str, after: str) -> None:
    question = find_question(chat, before)
    question.hover()
    question.get_by_role("button", name="Edit").click()
    chat.fill_opened("Edit", after)
    chat.page.get_by_role("button", name="Send", exact=True).filter(visible=True).first.click()


def test_an_edit_and_a_new_chat_make_branches(chat):
    edit(chat, "First question", "First question, better")
    expect(chat.questions).to_have_text(["First question, better"])
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("First question, better")
    question = find_question(chat, "First question, better")
    expect(question).to_contain_text("2 / 2")
    question.get_by_role("button", name="Previous version").click()
    expect(chat.questions).to_have_text(["First question", "Second question"])
    chat.page.reload()
    expect(chat.questions).to_have_text(["First question", "Second question"])
    find_question(chat, "First question").get_by_role("button", name="Next version").click()
    expect(chat.questions).to_have_text(["First question, better"])
    find_question(chat, "First question").get_by_role("button", name="Previous version").click()
    expect(chat.questions).to_have_text(["First question", "Second question"])

    # A branch before a question has its text in the composer.
    chat.wait_at_rest()
    choose_action(chat, find_question(chat, "Second question"), "Branch in new chat")
    expect(chat.questions).to_have_text(["First question"])
    expect(chat.composer).to_have_value("Second question")
    chat.wait_at_rest()
    choose_action(chat, find_question(chat, "First question"), "Branch in new chat")
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.composer).to_have_value("First question")
