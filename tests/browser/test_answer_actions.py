"""Actions on an answer: an automatic retry that is announced and cancelled."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage


def test_an_automatic_retry_is_announced_and_can_be_cancelled(app, new_page, any_wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-429-for-a-minute&wire={any_wire}").ask("Now?")
    expect(chat.answers.last).to_contain_text(re.compile(r"Rate limit reached\. Retrying in \d+ s"))
    chat.page.get_by_role("button", name="Cancel").click()
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer before any text arrived")
    # Who is asked to wait for an hour is told so, and decides.
    chat.choose_model("demo-429-for-an-hour").ask("Later?").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_contain_text("Rate limit reached")
    expect(chat.answers.last).to_contain_text(re.compile(r"asks you to wait \d+ min before you retry"))
