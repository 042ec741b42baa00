"""Actions on a conversation in the sidebar: rename and delete, also while an answer arrives."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

TITLE = "A *starred* [name] $5 :smile:"


def test_a_conversation_is_renamed_and_deleted_while_its_answer_arrives(demo, new_page):
    chat = ChatPage(new_page(), demo.url).open("?model=demo-wrong-key").ask("The older one").wait_idle()
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)
    chat.choose_model("demo-endless").ask("Name me")
    expect(chat.answers.last).to_contain_text("Line 3")
    chat.choose_row_action("Name me", "Rename")
    chat.fill_opened("Title", "Not this")
    chat.page.get_by_role("button", name="Cancel").click()
    expect(chat.rows.first).to_contain_text("Name me")
    chat.choose_row_action("Name me", "Rename")
    chat.fill_opened("Title", "Named").press("Enter")
    expect(chat.rows.first).to_contain_text("Named")
    expect(chat.stop).to_have_count(1)

    # Deleting it stops the answer.
    chat.choose_row_action("Named", "Delete")
    expect(chat.stop).to_have_count(0)
    expect(chat.rows).to_have_count(1)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.answers.last).to_contain_text("You stopped this answer")

    # A title is plain text.
    chat.choose_row_action("Named", "Rename")
    chat.fill_opened("Title", TITLE)
    chat.page.get_by_role("button", name="Save").click()
    expect(chat.rows.nth(0)).to_contain_text(TITLE)
    chat.page.reload()
    expect(chat.rows.nth(0)).to_contain_text(TITLE)
    expect(chat.questions).to_have_text(["Name me"])
