"""The list of conversations: days, menus, folders, selection, unread marks, and actions while an answer arrives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.history_seed import HistorySeed

LONG_TITLE = "Just yesterday, with a title that is much longer than the sidebar is wide"
TITLE = "A *starred* [name] $5 :smile:"
UNREAD = '[class*="st-key-row-unread-"]'
ARRIVING = '[class*="st-key-row-arriving-"]'


def headings(chat: ChatPage) -> Locator:
    return chat.page.locator('[class*="st-key-head-"]')


def button(chat: ChatPage, name: str) -> Locator:
    return chat.page.get_by_role("button", name=name, exact=True).filter(visible=True)


def choose_folder(chat: ChatPage, name: str) -> None:
    picker = chat.page.get_by_role("combobox", name="Folder")
    expect(picker).to_be_visible()
    chat.wait_rows()
    picker.click()
    picker.fill(name)
    picker.press("Enter")
    expect(picker).to_have_count(0)


def choose_folder_action(chat: ChatPage, name: str, action: str) -> None:
    chat.wait_idle()
    head = chat.page.locator('[class*="st-key-folder-"]').filter(has_text=name)
    head.hover()
    head.get_by_role("button", name="Actions").click()
    chat.page.get_by_role("menuitem", name=action).click()


def test_rows_are_grouped_by_the_days_of_the_browser_and_used_by_mouse_and_keyboard(history):
    # Where the day begins in the middle of the day of this machine, or elsewhere while it does.
    zones = (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Asia/Kolkata"))
    zone = next(zone for zone in zones if 1 <= datetime.now(zone).hour < 23)
    page = history.chat.page
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": zone.key})
    now = datetime.now(zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    history.add("Just today", when=min(midnight + timedelta(minutes=1), now).timestamp())
    history.add(LONG_TITLE, when=(midnight - timedelta(minutes=1)).timestamp())
    for title, days in (("Five days", 5), ("Three weeks", 21), ("Long ago", 400)):
        history.add(title, when=(now - timedelta(days=days)).timestamp())
    history.add("Kept on top", days=90, pinned=True)
    history.add("In a folder", folder="工作 *1*")
    chat = history.open()
    days = ["Today", "Yesterday", "Previous 7 days", "Previous 30 days", f"{now - timedelta(days=400):%B %Y}"]
    expect(headings(chat)).to_have_text(["Pinned", "Folders", *days])
    titles = ["Kept on top", "Just today", LONG_TITLE, "Five days", "Three weeks", "Long ago"]
    expect(chat.rows).to_contain_text(titles)
    expect(chat.rows).to_have_count(len(titles))
    # A title that is cut off appears as a whole beside the pointer.
    chat.row_button(LONG_TITLE).hover()
    expect(page.get_by_title(LONG_TITLE)).to_be_visible()
    button(chat, "Just today").hover()
    expect(page.get_by_title("Just today")).to_have_count(0)
    # By keyboard: the last action but one.
    menu = chat.rows.filter(has_text="Long ago").get_by_role("button", name="Actions")
    menu.press("Enter")
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    menu.press("Enter")
    for key in ("ArrowUp", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Archived “Long ago”.")).to_be_visible()
    expect(headings(chat)).to_have_text(["Pinned", "Folders", *days[:-1]])

    # A folder is created by typing its name.
    chat.choose_row_action("Five days", "Move to folder")
    choose_folder(chat, "Trips & *notes*")
    expect(button(chat, "Trips & *notes* 1")).to_be_visible()
    button(chat, "工作 *1* 1").click()
    expect(chat.rows.filter(has_text="In a folder")).to_have_count(1)
    choose_folder_action(chat, "工作 *1*", "Rename")
    chat.fill_opened("Folder name", "Journeys")
    button(chat, "Save").click()
    expect(button(chat, "Journeys 1")).to_be_visible()

    button(chat, "Select").click()
    chat.wait_idle()
    expect(button(chat, "Delete")).to_be_disabled()
    for count, title in enumerate(("Just today", "In a folder"), 1):
        chat.rows.get_by_text(title, exact=True).click()
        expect(page.get_by_text(f"{count} selected")).to_be_visible()
        chat.wait_idle()
    button(chat, "Delete").click()
    expect(page.get_by_text("Deleted 2 chats.")).to_be_visible()
    expect(chat.rows).to_have_count(3)
    button(chat, "Undo").click()
    expect(chat.rows).to_contain_text(["Kept on top", "In a folder", "Just today", LONG_TITLE, "Three weeks"])


def test_an_answer_that_ends_elsewhere_is_marked_as_unread(history):
    history.add("Read long ago")
    node = history.add_arriving("Slow one")
    chat = history.open()
    expect(chat.page.locator(ARRIVING)).to_contain_text("Slow one")
    # Neither what is typed in the box nor in a title is lost.
    chat.choose_row_action("Read long ago", "Rename")
    title = chat.fill_opened("Title", "Read long ago indeed")
    chat.composer.fill("Half a question")
    history.finish_answer(node)
    expect(chat.page.locator(UNREAD)).to_contain_text("Slow one")
    expect(chat.page.locator(ARRIVING)).to_have_count(0)
    expect(chat.composer).to_have_value("Half a question")
    expect(title).to_have_value("Read long ago indeed")
    button(chat, "Cancel").click()
    expect(title).to_have_count(0)


def test_a_running_answer_is_not_disturbed_by_polling_and_renamed_and_deleted_in_the_list(demo, new_page):
    history = HistorySeed(demo, ChatPage(new_page(), demo.url))
    node = history.add_arriving("Elsewhere")
    chat = history.open("?model=demo-endless&wire=openai").ask("Name me")
    expect(chat.page.locator(ARRIVING)).to_contain_text("Elsewhere")
    expect(chat.answers.last).to_contain_text("Line 3")
    history.finish_answer(node)
    chat.choose_row_action("Name me", "Rename")
    chat.fill_opened("Title", "Not this")
    button(chat, "Cancel").click()
    expect(chat.rows.first).to_contain_text("Name me")
    chat.choose_row_action("Name me", "Rename")
    chat.fill_opened("Title", TITLE).press("Enter")
    expect(chat.rows.first).to_contain_text(TITLE)
    # Ten lines a second: at least one look.
    chat.wait_past_line(45)
    lines = [int(line) for line in re.findall(r"Line (\d+)\s", chat.answers.last.inner_text())]
    assert lines == list(range(lines[0], lines[0] + len(lines)))
    expect(chat.stop).to_have_count(1)
    # Deleting it stops the answer, and shows that the other one has ended.
    chat.choose_row_action(TITLE, "Delete")
    expect(chat.stop).to_have_count(0)
    expect(chat.rows).to_have_count(1)
    expect(chat.page.locator(UNREAD)).to_contain_text("Elsewhere")
    button(chat, "Undo").click()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    expect(chat.page.locator('[class*="st-key-current-"]')).to_have_text(TITLE)
