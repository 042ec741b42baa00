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


def test_a_branch_before_a_question_has_its_words_in_the_box(talk):
    choose(talk, asked(talk, "Second question"), "Branch in new chat")
    expect(talk.questions).to_have_text(["First question"])
    expect(talk.composer).to_have_value("Second question")
    choose(talk, asked(talk, "First question"), "Branch in new chat")
    expect(talk.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(talk.composer).to_have_value("First question")


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
