"""The app over Postgres, and an outage of the database."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
def server():
    with Postgres() as started:
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory, server):
    started = AppServer(tmp_path_factory.mktemp("postgres"), {"DATABASE_URL": server.create("antler")})
    yield started
    started.close()


def test_conversations_are_saved_and_outlive_an_outage_of_the_database(app, server, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-echo&wire=anthropic")
    check_question_during_outage(chat, server)
    check_answer_during_outage(chat, server)


def check_question_during_outage(chat: ChatPage, server: Postgres) -> None:
    """Ask while the database is away: the question is kept, and sent after it."""
    chat.ask("Before").wait_idle()
    server.stop()
    try:
        chat.composer.fill("While it is away")
        chat.composer.press("Enter")
        expect(chat.page.get_by_text("The database is unavailable").first).to_be_visible()
        expect(chat.composer).to_have_value("While it is away")
        expect(chat.questions).to_have_text(["Before"])
    finally:
        server.start()
    chat.composer.press("Enter")
    expect(chat.questions).to_have_text(["Before", "While it is away"])
    chat.wait_idle()


def check_answer_during_outage(chat: ChatPage, server: Postgres) -> None:
    """Lose the database during an answer, which is saved after it."""
    chat.choose_model("demo-endless").ask("Outlive the database")
    expect(chat.answers.last).to_contain_text("Line 5")
    server.stop()
    try:
        expect(chat.page.get_by_text("This answer cannot be saved right now").first).to_be_visible()
        expect(chat.answers.last).to_contain_text("Line 30")
    finally:
        server.start()
    chat.press_stop().wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    chat.page.reload()
    expect(chat.questions).to_have_text(["Before", "While it is away", "Outlive the database"])
    expect(chat.answers.last).to_contain_text("Line 30")
    expect(chat.answers.last).to_contain_text("You stopped this answer")
