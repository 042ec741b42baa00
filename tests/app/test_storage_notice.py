"""The notice on a host without persistent storage."""

from __future__ import annotations

import pytest

from tests.app.chat_app import ChatApp

NOTICE = "The disk of this server is not persistent."


@pytest.fixture
def community_cloud(monkeypatch):
    """The environment that Community Cloud gives the app."""
    monkeypatch.setenv("HOSTNAME", "streamlit")
    monkeypatch.setenv("HOME", "/home/appuser")


def test_the_notice_is_shown_until_dismissed_and_stays_in_the_settings(keyed, community_cloud):
    page = ChatApp(model="m-one", wire="openai")
    assert page.text.count(NOTICE) == 1
    (warning,) = [element.value for element in page.at.warning]
    assert "Postgres" in warning and "export" in warning
    page.click("Got it")
    assert NOTICE not in page.text
    page.ask("Still there?")
    assert NOTICE not in page.text
    page.open_page("settings", "data")
    assert page.text.count(NOTICE) == 1
    page.open_page("chat")
    assert "Still there?" in page.text and NOTICE not in page.text


def test_a_server_with_persistent_storage_shows_no_notice(keyed):
    page = ChatApp()
    assert NOTICE not in page.text
    page.open_page("settings", "data")
    assert "Export all chats" in page.text and NOTICE not in page.text
