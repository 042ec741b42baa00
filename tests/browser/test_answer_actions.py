"""Actions on an answer: continue, cancel a retry, open the details."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

OPENING = "You are reading demo-"


def shown(chat: ChatPage, page: str) -> None:
    expect(chat.answers.last.locator('[class*="st-key-pager-"]')).to_contain_text(page)


def test_an_answer_is_continued_without_a_seam_and_retried_with_an_announcement(app, new_page, any_wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-repeats&wire={any_wire}").ask("Tell me").wait_idle()
    expect(chat.answers.last).to_contain_text("Cut off: token limit reached")
    chat.answer_button("Continue").click()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    expect(chat.answers).to_have_count(1)
    expect(chat.questions).to_have_text(["Tell me"])
    text = chat.answers.last.inner_text()
    assert text.count(OPENING) == text.count("A short text follows") == text.count("café") == 1
    expect(chat.answer_button("Continue")).to_have_count(0)
    expect(chat.answers.last).not_to_contain_text("Cut off")
    # It is one answer to whoever comes back.
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    assert chat.answers.last.inner_text().count("café") == 1
    # An answer that a broken connection cut is gone on with in the same way.
    chat.choose_model("demo-breaks").ask("And this?").wait_idle()
    expect(chat.answers.last).to_contain_text("was interrupted")
    before = chat.answers.last.locator("p").first.inner_text()
    chat.answer_button("Continue").click()
    expect(chat.answers.last.locator("p").first).not_to_have_text(before)
    chat.wait_idle()
    assert chat.answers.last.inner_text().replace("\n", " ").startswith(before[:60])

    # An automatic retry is announced and can be cancelled.
    chat.choose_model("demo-429-then-fine").ask("Now?").wait_idle()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    expect(chat.page.get_by_role("button", name="Cancel")).to_have_count(0)
    chat.choose_model("demo-429-for-a-minute").ask("And now?")
    expect(chat.answers.last).to_contain_text(re.compile(r"Rate limit reached\. Retrying in \d+ s"))
    chat.page.get_by_role("button", name="Cancel").click()
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer before any text arrived")
    # Who is asked to wait for an hour is told so, and decides.
    chat.choose_model("demo-429-for-an-hour").ask("Later?").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_contain_text("Rate limit reached")
    expect(chat.answers.last).to_contain_text(re.compile(r"asks you to wait \d+ min before you retry"))
