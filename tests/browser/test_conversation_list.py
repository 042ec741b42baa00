"""The list of conversations: days, folders, archive, selection, unread marks, ten thousand rows."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.history_seed import HistorySeed

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


def choose_folder_action(chat: ChatPage, action: str) -> None:
    chat.wait_idle()
    head = chat.page.locator('[class*="st-key-folder-"]')
    head.hover()
    head.get_by_role("button", name="Actions").click()
    chat.page.get_by_role("menuitem", name=action).click()


def test_conversations_are_grouped_by_the_days_of_the_browsers_time_zone(app, new_page):
    # Where the day begins in the middle of the day of this machine, or elsewhere while it does.
    zones = (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Asia/Kolkata"))
    zone = next(zone for zone in zones if 1 <= datetime.now(zone).hour < 23)
    history = HistorySeed(app, ChatPage(new_page(timezone_id=zone.key), app.url))
    now = datetime.now(zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    history.add("Just today", when=min(midnight + timedelta(minutes=1), now).timestamp())
    history.add("Just yesterday", when=(midnight - timedelta(minutes=1)).timestamp())
    for title, days in (("Five days", 5), ("Three weeks", 21), ("Long ago", 400)):
        history.add(title, when=(now - timedelta(days=days)).timestamp())
    history.add("Kept on top", days=90, pinned=True)
    history.add("In a folder", folder="工作 *1*")
    chat = history.open()
    long_ago = f"{now - timedelta(days=400):%B %Y}"
    expect(headings(chat)).to_have_text(
        ["Pinned", "Folders", "Today", "Yesterday", "Previous 7 days", "Previous 30 days", long_ago]
    )
    titles = ["Kept on top", "Just today", "Just yesterday", "Five days", "Three weeks", "Long ago"]
    expect(chat.rows).to_contain_text(titles)
    expect(chat.rows).to_have_count(len(titles))
    expect(button(chat, "工作 *1* 1")).to_be_visible()


def test_a_folder_is_created_filled_renamed_and_deleted(history):
    for title in ("First", "Second", "Third"):
        history.add(title)
    chat = history.open()
    chat.choose_row_action("First", "Move to folder")
    choose_folder(chat, "Trips & *notes*")
    expect(chat.page.get_by_text("Moved “First” to “Trips & *notes*”.")).to_be_visible()
    expect(chat.rows).to_have_count(2)
    button(chat, "Trips & *notes* 1").click()
    expect(chat.rows).to_have_count(3)
    chat.choose_row_action("Second", "Move to folder")
    choose_folder(chat, "Trips & *notes*")
    expect(button(chat, "Trips & *notes* 2")).to_be_visible()
    choose_folder_action(chat, "Rename")
    chat.fill_opened("Folder name", "Journeys")
    button(chat, "Save").click()
    fold = button(chat, "Journeys 2")
    expect(fold).to_be_visible()
    expect(chat.rows).to_have_count(3)
    choose_folder_action(chat, "Delete folder")
    expect(fold).to_have_count(0)
    expect(headings(chat)).to_have_text(["Folders", "Today"])
    expect(chat.rows).to_have_count(3)
    button(chat, "Undo").click()
    expect(fold).to_be_visible()
    for title in ("First", "Second"):
        chat.choose_row_action(title, "Move to folder")
        button(chat, "No folder").click()
        expect(chat.page.get_by_text(f"Removed “{title}” from its folder.")).to_be_visible()
        chat.wait_idle()
    expect(headings(chat)).to_have_text(["Folders", "Today"])


def test_a_conversation_is_pinned_archived_and_restored(history):
    history.add("Stays, with a title that is much longer than the sidebar is wide")
    history.add("Goes", days=3)
    chat = history.open()
    # A title that is cut off appears as a whole beside the pointer.
    chat.row_button("Stays").hover()
    expect(chat.page.get_by_title("Stays, with a title that is much longer than the sidebar is wide")).to_be_visible()
    button(chat, "Goes").hover()
    expect(chat.page.get_by_title("Goes")).to_have_count(0)
    chat.choose_row_action("Goes", "Pin")
    expect(headings(chat)).to_have_text(["Pinned", "Folders", "Today"])
    chat.choose_row_action("Goes", "Unpin")
    expect(headings(chat)).to_have_text(["Folders", "Today", "Previous 7 days"])
    button(chat, "Goes").click()
    expect(chat.questions).to_have_count(1)
    # By keyboard: the last action but one.
    menu = chat.wait_rows().rows.filter(has_text="Goes").get_by_role("button", name="Actions")
    menu.press("Enter")
    chat.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    menu.press("Enter")
    for key in ("ArrowUp", "ArrowUp", "Enter"):
        chat.page.keyboard.press(key)
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.rows).to_have_count(1)
    button(chat, "Undo").click()
    expect(chat.questions).to_have_count(1)
    chat.choose_row_action("Goes", "Archive")
    expect(chat.rows).to_have_count(1)
    button(chat, "Archived").click()
    expect(chat.rows).to_have_count(1)
    expect(chat.rows).to_contain_text("Goes")
    # It can be read where it is; it is in the list only when it is put back.
    button(chat, "Goes").click()
    expect(chat.questions).to_have_count(1)
    chat.choose_row_action("Goes", "Unarchive")
    expect(chat.page.get_by_text("No archived chats.")).to_be_visible()
    button(chat, "All chats").click()
    expect(chat.rows).to_have_count(2)


def test_selected_conversations_are_deleted_moved_and_archived_together(history):
    for number in range(5):
        history.add(f"Talk {number}", folder="Old" if number == 4 else "")
    chat = history.open()
    button(chat, "Talk 0").click()
    expect(chat.questions).to_have_count(1)
    button(chat, "Select").click()
    chat.wait_idle()
    expect(button(chat, "Delete")).to_be_disabled()
    for count, title in enumerate(("Talk 0", "Talk 1"), 1):
        chat.rows.get_by_text(title, exact=True).click()
        expect(chat.page.get_by_text(f"{count} selected")).to_be_visible()
        chat.wait_idle()
    button(chat, "Delete").click()
    expect(chat.rows).to_have_count(2)
    expect(chat.questions).to_have_count(0)
    expect(chat.page.get_by_text("Deleted 2 chats.")).to_be_visible()
    button(chat, "Undo").click()
    expect(chat.rows).to_have_count(4)
    expect(chat.questions).to_have_count(1)
    button(chat, "Old 1").click()
    expect(chat.rows).to_have_count(5)
    button(chat, "Select").click()
    chat.wait_idle()
    chat.page.get_by_text("Select all shown").click()
    expect(chat.page.get_by_text("5 selected")).to_be_visible()
    chat.wait_idle()
    chat.rows.get_by_text("Talk 3", exact=True).click()
    expect(chat.page.get_by_text("4 selected")).to_be_visible()
    button(chat, "Move").click()
    choose_folder(chat, "New")
    expect(button(chat, "New 4")).to_be_visible()
    expect(chat.rows).to_have_count(1)
    # Each goes back to where it was.
    button(chat, "Undo").click()
    expect(button(chat, "Old 1")).to_be_visible()
    expect(chat.rows).to_have_count(5)
    button(chat, "Select").click()
    chat.wait_idle()
    chat.page.get_by_text("Select all shown").click()
    expect(chat.page.get_by_text("5 selected")).to_be_visible()
    button(chat, "Archive").click()
    expect(chat.page.get_by_text("Your chats will appear here.")).to_be_visible()
    button(chat, "Select").click()
    chat.wait_idle()
    button(chat, "Cancel").click()
    button(chat, "Archived").click()
    expect(chat.rows).to_have_count(5)


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
    chat.row_button("Slow one").click()
    expect(chat.answers.last).to_contain_text("So far")
    # What has been seen, and what ended before one's eyes, leaves no mark.
    chat.ask("And this?").wait_idle()
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.rows).to_have_count(2)
    expect(chat.page.locator(UNREAD)).to_have_count(0)


def test_polling_for_finished_answers_does_not_disturb_a_running_one(demo, new_page):
    history = HistorySeed(demo, ChatPage(new_page(), demo.url))
    node = history.add_arriving("Elsewhere")
    chat = history.open("?model=demo-endless&wire=openai").ask("Count for me")
    expect(chat.page.locator(ARRIVING)).to_contain_text("Elsewhere")
    expect(chat.answers.last).to_contain_text("Line 3")
    history.finish_answer(node)
    # Ten lines a second: two looks and more.
    for line in (20, 40, 60, 80):
        chat.wait_past_line(line)
        lines = [int(line) for line in re.findall(r"Line (\d+)\s", chat.answers.last.inner_text())]
        assert lines == list(range(lines[0], lines[0] + len(lines)))
        expect(chat.stop).to_have_count(1)
    # A click shows it at once, and the end of the answer does.
    chat.press_stop().wait_idle()
    expect(chat.page.locator(UNREAD)).to_contain_text("Elsewhere")


def test_ten_thousand_conversations_are_paged(history):
    history.add("The last of all", days=2000)
    with sqlite3.connect(history.file) as database:
        known = [row[1] for row in database.execute("PRAGMA table_info(conversation)")]
        own = {"id": "'many-' || n", "title": "'Number ' || n", "updated": "updated - n * 9000.0"}
        columns = ", ".join(own.get(name, name) for name in known)
        database.execute(
            "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 10000) "
            f"INSERT INTO conversation ({', '.join(known)}) SELECT {columns} FROM conversation, count "
            "WHERE title = 'The last of all' AND deleted IS NULL"
        )
        database.execute("UPDATE conversation SET updated = updated - 1e9 WHERE title = 'The last of all'")
    chat = history.open()
    expect(chat.rows).to_have_count(40)
    expect(chat.rows.first).to_contain_text("Number 1")
    for shown in (80, 120):
        button(chat, "Show more").click()
        expect(chat.rows).to_have_count(shown)
    button(chat, "Show more").click()
    expect(chat.rows.last).to_contain_text("Number 160")
    expect(chat.rows).to_have_count(120)
    button(chat, "Show newer").click()
    expect(chat.rows.first).to_contain_text("Number 1")
    expect(chat.rows.nth(99)).to_contain_text("Number 100")
    chat.row_button("Number 100").click()
    expect(chat.page.locator('[class*="st-key-current-"]')).to_have_text("Number 100")
