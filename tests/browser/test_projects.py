"""Projects in a browser: a new one, the drafts of its new chats, and its page by keyboard and on a phone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.accessibility import Audit
from tests.browser.chat_page import NOTHING_TYPED, ChatPage, wait_until


def create_project(chat: ChatPage, name: str, instructions: str) -> None:
    """Create a project on its page, whose button waits for the server to have the last field."""
    chat.page.get_by_role("button", name="New project").click()
    expect(chat.page.get_by_role("heading", name="New project")).to_be_visible()
    for label, text in (("Name", name), ("Instructions", instructions)):
        field = chat.page.get_by_role("textbox", name=label, exact=True)
        field.fill(text)
        field.press("Tab")
        chat.wait_idle()
    chat.page.get_by_role("button", name="Create project").click()
    expect(chat.page.get_by_role("heading", name=name)).to_be_visible()
    expect(chat.page.get_by_text("No chats yet.")).to_be_visible()


def test_the_new_chat_of_a_project_has_a_draft_of_its_own_that_is_never_lost(chat):
    chat.open("?model=demo-echo").composer.fill("Outside")
    chat.wait_idle()
    create_project(chat, "Sea", "Answer in metres.")
    expect(chat.composer).to_be_focused()
    expect(chat.composer).to_have_value("")
    chat.composer.fill("Inside")
    chat.page.reload()
    expect(chat.page.get_by_text("New chat in Sea")).to_be_visible()
    expect(chat.composer).to_have_value("Inside")
    # Its text follows a new name of the folder.
    chat.wait_idle().page.get_by_role("button", name="Project settings").click()
    name = chat.page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("Sea")
    audit = Audit()
    audit.check(chat.page, "settings of a project", ".stMain")
    name.fill("Ocean")
    chat.page.reload()
    expect(chat.page.get_by_role("heading", name="Project settings")).to_be_visible()
    expect(name).to_have_value("Ocean")
    name.press("Tab")
    chat.wait_idle().page.get_by_role("button", name="Save", exact=True).click()
    expect(chat.page.get_by_text("New chat in Ocean")).to_be_visible()
    expect(chat.composer).to_have_value("Inside")
    chat.page.wait_for_function(NOTHING_TYPED)
    audit.check(chat.page, "page of a project", ".stMain")
    assert audit.findings == [], "\n".join(audit.findings)
    # Outside of the project it joins what was typed there.
    chat.wait_idle().page.get_by_role("button", name="Remove from project").click()
    expect(chat.page.get_by_text("New chat in Ocean")).to_have_count(0)
    expect(chat.composer).to_have_value("Outside\n\nInside")
    # A message that is sent from the page of the project leaves no draft, and lands in it.
    chat.wait_idle().page.goto(f"{chat.url}/?folder=Ocean&model=demo-tour")
    expect(chat.page.get_by_text("New chat in Ocean")).to_be_visible()
    expect(chat.composer).to_have_value("")
    chat.wait_idle().ask("How deep?").wait_idle()
    expect(chat.answers.last).to_contain_text("Answer in metres.")
    expect(chat.composer).to_have_value("")
    chat.page.set_viewport_size({"width": 390, "height": 844})
    chat.page.locator(".st-key-chat-folder button").press("Enter")
    chat.wait_idle()
    wait_until(chat.page, lambda: chat.page.evaluate("document.documentElement.scrollWidth") == 390)
    found = chat.page.locator(".st-key-project-chats button", has_text="How deep?")
    found.press("Enter")
    expect(chat.questions).to_have_text(["How deep?"])
