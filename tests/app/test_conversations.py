"""The conversations in the sidebar: open, rename, delete, archive, pin, select, temporary chats."""

from __future__ import annotations

import pytest

from lib.ui.composer import drafts
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.history import OWNER, save_chat

GREETING = "What can I help you with?"
TEMPORARY = "not saved and not in the list"


@pytest.fixture
def chat(faked) -> ChatApp:
    """Two conversations, the second one shown."""
    save_chat("The first chat", "An answer", days=0.1)
    return ChatApp(c=save_chat("The second chat", "An answer").id)


def list_titles(chat: ChatApp) -> list[str]:
    """Return the titles in the sidebar from the top down; they are those of this file's questions."""
    titles = ("The first chat", "The second chat", "Renamed", "Keep me")
    positions = {title: chat.sidebar.find(title) for title in titles if title in chat.sidebar}
    return sorted(positions, key=positions.__getitem__)


def test_the_newest_conversation_is_first_and_titled_by_its_question(faked):
    chat = ChatApp(model="demo-wrong-key").ask("The first chat").click("New chat").ask("The second chat")
    assert list_titles(chat) == ["The second chat", "The first chat"]


def test_a_click_opens_a_conversation_also_from_another_page(chat):
    chat.click("The first chat")
    assert chat.questions == ["The first chat"]
    chat.open_page("settings").click("The second chat")
    assert chat.questions == ["The second chat"]


def test_a_renamed_conversation_keeps_its_title(chat):
    chat.choose_row_action("The second chat", "Rename").fill("Title", "Renamed").click("Save")
    assert list_titles(chat) == ["Renamed", "The first chat"]
    assert list_titles(chat.run()) == ["Renamed", "The first chat"]
    chat.choose_row_action("Renamed", "Rename").fill("Title", "\u200b").click("Save")
    chat.choose_row_action("Renamed", "Rename").fill("Title", "Keep me").click("Cancel")
    assert list_titles(chat) == ["Renamed", "The first chat"]


def test_the_title_on_the_page_renames_the_conversation(chat):
    chat.click("The second chat").fill("Title", "  Renamed \n ").click("Save")
    assert list_titles(chat) == ["Renamed", "The first chat"]
    chat.click("Renamed").fill("Title", "Keep me").click("Cancel")
    chat.click("Renamed").fill("Title", " ").click("Save")
    assert list_titles(chat) == ["Renamed", "The first chat"]
    # The form is that of one conversation, and a temporary chat or a new one has no title.
    chat.click("Renamed").click("The first chat")
    assert chat.buttons("The first chat")
    chat.click("New chat").click("Temporary chat").ask("Keep me")
    assert not chat.buttons("Keep me")


def test_a_deleted_conversation_can_be_restored(chat):
    chat.choose_row_action("The second chat", "Delete")
    assert list_titles(chat) == ["The first chat"]
    assert chat.questions == []
    chat.click("Undo")
    assert list_titles(chat) == ["The second chat", "The first chat"]
    assert chat.questions == ["The second chat"]
    assert not chat.buttons("Undo")


@pytest.mark.parametrize("kind", ["unknown", "deleted", "of another user"])
def test_an_unknown_conversation_opens_as_a_new_one_with_one_notice(faked, kind):
    name = "there-is-no-such"
    if kind == "deleted":
        name = save_chat("The first chat", "An answer").id
        resources.store().conversations.delete(OWNER, [name])
    elif kind == "of another user":
        name = save_chat("The first chat", "An answer", owner="browser:other").id
    chat = ChatApp(c=name, model="demo-wrong-key")
    assert GREETING in chat.text
    assert [warning.value for warning in chat.at.warning] == ["This chat does not exist or was deleted\\."]
    assert "c" not in chat.at.query_params
    chat.run()
    assert not chat.at.warning
    chat.ask("Keep me")
    assert chat.questions == ["Keep me"]


def test_a_typed_model_id_and_a_preset_of_the_address_are_used(faked):
    chat = ChatApp(model="no-such-model", wire="anthropic")
    assert chat.model == "no-such-model"
    chat.ask("Anybody there?")
    assert "does not offer this model" in chat.at.error[0].value


def test_a_temporary_chat_survives_another_page_and_ends_with_a_new_chat(faked):
    chat = ChatApp(model="demo-wrong-key").click("Temporary chat")
    assert TEMPORARY in chat.text
    chat.ask("The second chat").open_page("settings").open_page("chat")
    assert chat.questions == ["The second chat"]
    assert list_titles(chat) == []
    chat.click("New chat")
    assert GREETING in chat.text
    assert TEMPORARY not in chat.text


def test_another_conversation_ends_a_temporary_chat(faked):
    chat = ChatApp(model="demo-wrong-key").ask("Keep me").click("New chat")
    chat.click("Temporary chat").ask("The second chat").click("Keep me")
    assert chat.questions == ["Keep me"]
    assert TEMPORARY not in chat.text
    chat.ask("And me")
    assert chat.questions == ["Keep me", "And me"]
    assert list_titles(chat) == ["Keep me"]


def test_the_switch_to_a_temporary_chat_can_be_turned_off(faked):
    chat = ChatApp(model="demo-wrong-key").click("Temporary chat")
    (switch,) = [button for button in chat.at.button if button.key == "temporary-switch"]
    chat.click(switch.label)
    assert TEMPORARY not in chat.text
    chat.ask("Keep me")
    assert list_titles(chat) == ["Keep me"]
    assert "c" in chat.at.query_params


def test_a_question_in_the_address_is_put_into_the_composer_and_not_sent(faked):
    chat = ChatApp(q="What is this?", model="demo-echo")
    assert chat.composer == "What is this?"
    assert "q" not in chat.at.query_params
    assert chat.questions == []
    assert ChatApp(q="x" * 100_000).composer == "x" * drafts.MAX_URL_QUESTION_LENGTH
