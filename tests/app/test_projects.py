"""Projects: settings of a folder, new chats in it, its home, and instructions that every request has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib import transfer
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE
from lib.core.projects import NOTE, Project, folder_key
from lib.core.prompts import Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.storage.store import Store
from lib.ui.session import resources
from lib.ui.settings import data
from tests.app.chat_app import ChatApp, read_text

ME = "browser:0123"
SEA = Project("Sea *1*", "Answer in metres.", Target("demo-tour", "anthropic"), Params(temperature=0.5), 5.0, 6.0)


def store() -> Store:
    return resources.store()


def save(*projects: Project) -> None:
    for project in projects:
        store().projects.save(ME, project)


def folders() -> dict[str, int]:
    return dict(store().conversations.folders(ME))


def choose_folder_action(chat: ChatApp, action: str) -> ChatApp:
    """Choose an action from the menu of the first folder."""
    menu = next(menu for menu in chat.at.sidebar.get("menu_button") if "New chat in this folder" in str(menu.options))
    menu.click_index(next(place for place, option in enumerate(menu.options) if action in option))
    return chat.run()


def param(chat: ChatApp, name: str):
    return chat.at.session_state[f"param.{name}"]


@pytest.fixture
def chat(faked) -> ChatApp:
    return ChatApp(model="demo-answer")


@pytest.fixture
def sea(faked) -> ChatApp:
    """A page with a project that the user has."""
    save(SEA)
    return ChatApp(model="demo-answer")


def test_a_new_project_is_created_and_its_first_chat_lands_in_it(chat, wire):
    chat.click("New project")
    chat.fill("Name", "\u200b").click("Create project")
    assert "Enter a name." in chat.text
    chat.fill("Name", " Sea  *1* ").fill("Instructions", "Answer in metres.")
    chat.fill("Model", "demo-tour").fill("API format", wire).fill("Temperature", 0.5)
    chat.click("Create project")
    (saved,) = store().projects.export_all(ME)
    target = Target("demo-tour", wire)
    assert replace(saved, created_at=5.0, updated_at=6.0) == replace(SEA, target=target)
    # Its home, with the input for the first chat.
    assert chat.at.query_params == {"folder": "Sea *1*"}
    assert "New chat in **Sea *1***" in chat.text
    assert "No chats yet." in chat.text
    assert (chat.model, param(chat, "temperature")) == ("demo-tour", 0.5)
    chat.ask("How deep?")
    conversation = store().conversations.get(ME, chat.conversation)
    assert (conversation.folder, conversation.target, conversation.params) == (saved.name, target, saved.params)
    assert "Answer in metres." in chat.answers[-1]
    assert "Project instructions" in chat.answers[-1]
    assert folders() == {"Sea *1*": 1}
    # From its title back to the home, which lists it.
    chat.click("Sea *1*")
    assert "How deep?" in read_text(chat.at.main)


def test_the_settings_change_the_next_request_and_nothing_is_sent_unseen(sea):
    choose_folder_action(sea, "New chat in this folder").ask("One")
    conversation_id = sea.conversation
    sea.at.session_state["params-project"] = True
    sea.run()
    assert "Instructions of “Sea *1*”, sent before the system prompt" in sea.text
    choose_folder_action(sea, "Project settings")
    assert sea.field("Instructions").value == "Answer in metres."
    sea.fill("Instructions", "Answer in feet.").click("Save")
    # Back in the chat, whose own model and parameters stay.
    assert sea.conversation == conversation_id
    sea.fill("System prompt", "Rhyme.").ask("Two")
    node = store().messages.nodes(ME, conversation_id)[-1]
    assert node.provider_metadata[NOTE] == {"name": "Sea *1*", "instructions": "Answer in feet."}
    assert store().conversations.get(ME, conversation_id).params == Params(system="Rhyme.", temperature=0.5)
    assert sea.answers[-1].index("Answer in feet.") < sea.answers[-1].index("Rhyme.")


def test_what_is_typed_in_the_settings_stays_until_it_is_saved_or_cancelled(sea):
    choose_folder_action(sea, "Project settings").set_field("Instructions", "Half a")
    sea.open_page("usage")
    choose_folder_action(sea, "Project settings")
    assert sea.field("Instructions").value == "Half a"
    sea.click("Cancel")
    assert store().projects.get(ME, SEA.name) == SEA
    # Without anything typed, the settings are those of another window.
    sea.at.query_params["folder"] = SEA.name
    assert sea.open_page("project").field("Instructions").value == "Answer in metres."
    save(replace(SEA, instructions="From elsewhere.", updated_at=7.0))
    assert sea.run().field("Instructions").value == "From elsewhere."


def test_the_settings_rename_the_folder_but_merge_it_with_no_other(sea):
    save(Project("Lake"))
    sea.at.query_params["folder"] = SEA.name
    sea.open_page("project").fill("Name", "Lake").click("Save")
    assert "A folder named “Lake” already exists" in sea.text
    sea.fill("Name", "Ocean").click("Save")
    assert folders() == {"Lake": 0, "Ocean": 0}
    assert store().projects.get(ME, "Ocean").instructions == "Answer in metres."
    sea.click("Undo")
    assert set(folders()) == {"Lake", SEA.name}
    assert sea.at.query_params == {"folder": SEA.name}
    assert store().projects.get(ME, SEA.name) == SEA


def test_invalid_json_is_not_saved(sea):
    sea.at.query_params["folder"] = SEA.name
    sea.open_page("project").fill("Extra JSON", "{").click("Save")
    assert "not a JSON object" in sea.text
    assert store().projects.get(ME, SEA.name) == SEA


def test_a_new_chat_leaves_its_project_with_what_was_typed(sea):
    choose_folder_action(sea, "New chat in this folder").set_field("System prompt", "Rhyme.")
    sea.choose_model("demo-answer")
    sea.click("Remove from project")
    assert "folder" not in sea.at.query_params
    assert (sea.model, param(sea, "system"), param(sea, "temperature")) == ("demo-answer", "Rhyme.", None)
    sea.ask("One")
    assert store().conversations.get(ME, sea.conversation).folder == ""
    assert "Answer in metres." not in sea.answers[-1]


def test_an_unknown_folder_in_the_address_is_named(sea):
    sea.at.query_params["folder"] = "Gone *2*"
    assert "The folder “Gone *2*” does not exist" in sea.run().text
    assert "folder" not in sea.at.query_params
    sea.ask("One")
    assert store().conversations.get(ME, sea.conversation).folder == ""
    sea.at.query_params["folder"] = "Gone *2*"
    assert "The folder “Gone *2*” does not exist" in sea.open_page("project").text


def test_a_message_to_a_folder_that_was_just_deleted_is_not_sent_but_kept(sea):
    choose_folder_action(sea, "New chat in this folder")
    store().projects.move(ME, SEA.name, "")
    sea.ask("How deep?")
    assert "The folder of this new chat no longer exists." in sea.text
    assert (sea.composer, store().conversations.page(ME, 9)) == ("How deep?", [])
    assert "New chat in **" not in sea.text
    assert len(sea.at.session_state["draft_moves"]) == 1


def test_a_model_without_permission_falls_back_with_a_note(sea):
    store().policy.set_allowed_models(User("root", is_admin=True), PER_USER_SCOPE, ("demo-answer",))
    resources.policy.clear()
    choose_folder_action(sea, "New chat in this folder")
    assert "starts chats with demo-tour, which you do not have permission to use" in sea.text
    assert sea.model == "demo-answer"
    sea.ask("One")
    assert store().conversations.get(ME, sea.conversation).target.model == "demo-answer"


def test_a_persona_speaks_within_the_instructions_of_the_project(sea):
    entry = Prompt("teacher", "persona", "Teacher", text="Talk like a teacher.", params=Params(seed=7))
    store().prompts.save(ME, entry)
    choose_folder_action(sea, "New chat in this folder")
    sea.at.session_state["pending_prompt_id"] = "teacher"
    sea.run().ask("One")
    saved = store().conversations.get(ME, sea.conversation)
    assert (saved.persona.name, saved.folder) == ("Teacher", SEA.name)
    assert saved.params == Params(system="Talk like a teacher.", temperature=0.5, seed=7)
    assert "Answer in metres. Talk like a teacher." in " ".join(sea.answers[-1].split())


def test_moving_a_chat_says_what_changes(sea):
    sea.ask("One")
    conversation_id = sea.conversation
    sea.choose_row_action("One", "Move to folder").set_field("Folder", SEA.name)
    assert "The instructions of “Sea *1*” apply from the next message on." in sea.text
    sea.ask("Two")
    assert "Answer in metres." in sea.answers[-1]
    sea.at.sidebar.button(key=f"fold-{folder_key(SEA.name)}").click()
    sea.run()
    sea.choose_row_action("One", "Move to folder").click("No folder")
    assert "The instructions of “Sea *1*” no longer apply." in sea.text
    sea.ask("Three")
    assert "Answer in metres." not in sea.answers[-1].split("Three")[-1]
    assert store().conversations.get(ME, conversation_id).folder == ""


def test_deleting_a_project_keeps_its_chats_and_can_be_undone(sea):
    choose_folder_action(sea, "New chat in this folder").ask("One")
    conversation_id = sea.conversation
    choose_folder_action(sea, "Delete folder")
    assert "Its chats are kept. The instructions of “Sea *1*” no longer apply." in sea.text
    assert (folders(), store().conversations.get(ME, conversation_id).folder) == ({}, "")
    sea.click("Undo")
    assert (folders(), store().projects.get(ME, SEA.name)) == ({SEA.name: 1}, SEA)


def test_the_home_searches_the_chats_of_the_project_only(sea):
    sea.ask("Depth outside")
    choose_folder_action(sea, "New chat in this folder").ask("Depth inside")
    choose_folder_action(sea, "New chat in this folder").ask("Something else")
    choose_folder_action(sea, "New chat in this folder")
    home = read_text(sea.at.main)
    assert [text in home for text in ("Depth inside", "Something else", "Depth outside")] == [True, True, False]
    sea.set_field("Search in this project", "depth")
    home = read_text(sea.at.main)
    assert [text in home for text in (" inside", "Something else", " outside")] == [True, False, False]
    # Also with the same search in the sidebar.
    sea.at.sidebar.text_input[0].set_value("depth")
    assert " outside" in sea.run().sidebar


def test_a_temporary_chat_is_in_no_project(sea):
    sea.click("Temporary chat")
    sea.at.query_params["folder"] = SEA.name
    sea.run()
    assert "New chat in **Sea *1***" in sea.text
    assert sea.buttons("Temporary chat") == []
    assert sea.at.session_state["temporary_store"] is None


def test_exported_projects_are_imported_into_folders_that_do_not_exist(sea):
    choose_folder_action(sea, "New chat in this folder").ask("One")
    exported = data._export_all(User(ME), "json")
    store().users.delete_data(ME)
    save(Project("Lake"))
    for count in (1, 2):
        loaded = transfer.parse_export(exported)
        assert store().projects.import_all(ME, loaded.projects) == 0
        assert store().projects.export_all(ME) == [Project("Lake"), SEA], count


def test_deleting_all_data_deletes_projects(sea):
    sea.open_page("settings", tab="data").set_field("Yes", True).click("Delete everything")
    assert (folders(), store().projects.export_all(ME)) == ({}, [])
