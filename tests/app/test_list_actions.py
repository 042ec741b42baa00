"""Actions on rows of the conversation list: folders, pin, archive, unread marks, and on several rows together."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, new_id
from lib.core.projects import folder_key
from lib.ui.session import resources
from tests.app import conversation_rows
from tests.app.chat_app import ChatApp
from tests.app.history import OWNER, TARGET, save_chat

FOLDER = "Trips & *notes*"
GREETING = "What can I help you with?"
TITLES = ["Fifth", "Fourth", "Third", "Second", "First"]


@pytest.fixture
def chat(faked) -> ChatApp:
    """Five conversations, the oldest one shown, and another one in a folder.

    A folder with a new name is created in the browser tests: AppTest sends none that the list does not have.
    """
    save_chat("In a folder", "An answer", folder=FOLDER)
    saved = [save_chat(title, "An answer", days=0.001 * (age + 1)) for age, title in enumerate(TITLES)]
    return ChatApp(c=saved[-1].id)


def list_titles(chat: ChatApp) -> list[str]:
    return [row["title"] for row in conversation_rows.list_rows(chat.at)]


def statuses(chat: ChatApp) -> dict[str, str]:
    """Return the marks of the marked rows."""
    return {row["title"]: row["status"] for row in conversation_rows.list_rows(chat.at) if row["status"]}


def folders() -> dict[str, int]:
    return dict(resources.store().conversations.folders(OWNER))


def fold(chat: ChatApp, name: str) -> ChatApp:
    """Open a folder of the list, or close it."""
    chat.at.sidebar.button(key=f"fold-{folder_key(name)}").click()
    return chat.run()


def choose_folder_action(chat: ChatApp, action: str) -> ChatApp:
    """Choose an action from the menu of the first folder."""
    menu = next(menu for menu in chat.at.sidebar.get("menu_button") if "Delete folder" in str(menu.options))
    menu.click_index(next(place for place, option in enumerate(menu.options) if action in option))
    return chat.run()


def test_a_folder_is_filled_renamed_deleted_and_left(chat):
    chat.choose_row_action("First", "Move to folder").set_field("Folder", FOLDER)
    assert f"Moved “First” to “{FOLDER}”." in chat.text
    assert list_titles(chat) == TITLES[:-1]
    fold(chat, FOLDER)
    choose_folder_action(chat, "Rename").fill("Folder name", "Journeys").click("Save")
    assert folders() == {"Journeys": 2}
    assert list_titles(chat) == ["In a folder", "First", *TITLES[:-1]]
    choose_folder_action(chat, "Delete folder")
    assert (folders(), list_titles(chat)) == ({}, ["In a folder", *TITLES])
    chat.click("Undo")
    assert folders() == {"Journeys": 2}
    for title in ("First", "In a folder"):
        chat.choose_row_action(title, "Move to folder").click("No folder")
        assert f"Removed “{title}” from its folder." in chat.text
    assert folders() == {}


def test_a_conversation_is_pinned_archived_read_there_and_restored(chat):
    chat.choose_row_action("Third", "Pin")
    assert list_titles(chat) == ["Third", "Fifth", "Fourth", "Second", "First"]
    chat.choose_row_action("Third", "Unpin")
    assert list_titles(chat) == TITLES
    chat.choose_row_action("First", "Archive")
    assert GREETING in chat.text
    assert list_titles(chat) == TITLES[:-1]
    chat.click("Undo")
    assert (chat.questions, list_titles(chat)) == (["First"], TITLES)
    # An archived one can be read where it is; it is in the list only when it is put back.
    chat.choose_row_action("First", "Archive").click("Archived")
    assert list_titles(chat) == ["First"]
    chat.open_chat("First")
    assert (chat.questions, list_titles(chat)) == (["First"], ["First"])
    chat.choose_row_action("First", "Unarchive")
    assert "No archived chats." in chat.sidebar
    assert list_titles(chat.click("All chats")) == TITLES


def test_selected_conversations_are_deleted_moved_and_archived_together(chat):
    chat.click("Select")
    assert all(chat.buttons(label)[-1].disabled for label in ("Delete", "Move", "Archive"))
    chat.set_field("First", True).set_field("Second", True)
    assert "2 selected" in [box.label for box in chat.at.checkbox]
    chat.click("Delete")
    assert "Deleted 2 chats." in chat.text
    assert (chat.questions, list_titles(chat)) == ([], TITLES[:3])
    chat.click("Undo")
    assert (chat.questions, list_titles(chat)) == (["First"], TITLES)
    # All that is shown, in folders too.
    fold(chat, FOLDER).click("Select").set_field("Select all shown", True).set_field("Third", False)
    assert "5 selected" in [box.label for box in chat.at.checkbox]
    chat.click("Archive")
    assert (folders(), list_titles(chat)) == ({}, ["Third"])
    # Each goes back to where it was.
    chat.click("Undo")
    assert (folders(), list_titles(chat)) == ({FOLDER: 1}, ["In a folder", *TITLES])
    chat.click("Select").set_field("Second", True).set_field("Fifth", True).click("Move").set_field("Folder", FOLDER)
    assert folders() == {FOLDER: 3}
    chat.click("Undo")
    assert (folders(), list_titles(chat)) == ({FOLDER: 1}, ["In a folder", *TITLES])
    fold(chat, FOLDER).click("Select").set_field("Select all shown", True).click("Archive")
    chat.click("Select").click("Cancel").click("Archived")
    assert list_titles(chat) == TITLES


def test_an_answer_that_ended_elsewhere_is_marked_until_it_is_read(chat):
    question = Node(new_id(), None, Message("user", (TextPart("Slowly"),)), time.time())
    text = Message("assistant", (TextPart("So far"),))
    answer = Node(new_id(), question.id, text, time.time(), Outcome.ARRIVING, target=TARGET)
    messages = resources.store().messages
    messages.save_turn(OWNER, Conversation(new_id(), "Slow", time.time(), answer.id, TARGET), [question, answer])
    assert statuses(chat.run()) == {"Slow": "arriving"}
    messages.finish(OWNER, replace(answer, outcome=Outcome.COMPLETE))
    assert statuses(chat.run()) == {"Slow": "unread"}
    assert statuses(chat.open_chat("Slow").open_chat("First")) == {}
    # An answer that ended before one's eyes leaves no mark.
    assert statuses(chat.ask("And this?").open_page("settings")) == {}
