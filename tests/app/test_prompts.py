"""The prompt library: its page, prompts and personas in a chat, sharing and import."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE
from lib.core.prompts import Persona, Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.storage import prompts
from lib.ui.session import resources
from lib.ui.settings import data
from tests.app.chat_app import ChatApp, read_text
from tests.app.users import ADMIN, BOB, id_of

ME = "browser:0123"
TEACHER = Prompt(
    "teacher",
    "persona",
    "Teacher *1*",
    "Explains",
    "🧑‍🏫",
    text="Talk like a teacher.",
    greeting="Shall we begin?",
    suggestions=("What is a tide?",),
    params=Params(temperature=0.5),
)
TIDES = Prompt("tides", "prompt", "About tides", text="Explain {{topic|tides}} in a {{tone|calm;loud}} tone.")


def choose(chat: ChatApp, prompt_id: str) -> ChatApp:
    """Choose an entry as the list above the composer does."""
    chat.at.session_state["pending_prompt_id"] = prompt_id
    return chat.run()


def choose_action(chat: ChatApp, label: str, action: str) -> ChatApp:
    """Choose an action from the menu with this label."""
    menu = next(menu for menu in chat.at.main.get("menu_button") if menu.proto.label.replace("\\", "") == label)
    menu.click_index(list(menu.options).index(action))
    return chat.run()


def save(*entries: Prompt) -> None:
    for entry in entries:
        resources.store().prompts.save(ME, entry)


def summaries() -> list[str]:
    return [entry.name for entry in resources.store().prompts.summaries(ME)]


@pytest.fixture
def chat(faked) -> ChatApp:
    return ChatApp(model="demo-tour")


@pytest.fixture
def page(faked) -> ChatApp:
    return ChatApp("prompts")


def test_an_example_is_added_used_edited_duplicated_deleted_and_restored(page):
    page.click("Add", 0)
    assert summaries() == ["Summarise a text"]
    choose_action(page, "Actions for Summarise a text", "Edit")
    page.set_field("Name", "Brief  me").at.text_area(key="prompt-edit-text").set_value("Sum up!").run()
    # Another page in between loses nothing.
    page.open_page("usage").open_page("prompts").click("Save")
    assert summaries() == ["Brief me"]
    choose_action(page, "Actions for Brief me", "Duplicate")
    assert summaries() == ["Brief me", "Brief me (copy)"]
    choose_action(page, "Actions for Brief me (copy)", "Delete")
    assert summaries() == ["Brief me"]
    page.click("Undo")
    assert summaries() == ["Brief me", "Brief me (copy)"]
    page.set_field("Search prompts", "COPY me")
    assert "Brief me (copy)" in page.text and "Actions for Brief me\n" not in page.text + "\n"
    page.set_field("Search prompts", "").click("Use", 0)
    assert page.composer == "Sum up!"


def test_an_entry_without_a_name_is_not_saved_and_nothing_typed_is_lost(page):
    page.click("New persona").fill("System prompt", "Be a bear.").fill("Avatar", "bear")
    page.click("Save")
    assert "needs a name and text" in page.text
    page.fill("Name", "Bear").click("Save")
    assert "one emoji" in page.text
    assert page.field("System prompt").value == "Be a bear."
    page.fill("Avatar", "🐻").fill("Temperature", 0.25).fill("Suggested", "Honey?\n\nBees?").click("Save")
    (entry,) = resources.store().prompts.export_all(ME)
    assert (entry.name, entry.avatar, entry.text, entry.kind) == ("Bear", "🐻", "Be a bear.", "persona")
    assert (entry.params, entry.suggestions) == (Params(temperature=0.25), ("Honey?", "Bees?"))


def test_a_form_asks_for_the_variables_and_remembers_their_values(chat):
    save(TIDES)
    choose(chat, "tides").fill("topic", "the moon").click("Insert")
    assert chat.composer == "Explain the moon in a calm tone."
    choose(chat, "tides")
    assert chat.field("topic").value == "the moon"
    chat.fill("tone", "loud").click("Send")
    assert chat.questions == ["Explain the moon in a loud tone."]
    choose(chat, "tides").click("Cancel")
    assert "topic" not in chat.text
    choose(chat, "no-such")
    assert "no longer exists" in chat.text


def test_a_prompt_sets_its_model_and_parameters(chat):
    save(replace(TIDES, text="Explain tides.", target=Target("demo-slow", "anthropic"), params=Params(seed=7)))
    choose(chat.fill("System prompt", "Mine"), "tides")
    assert chat.composer == "Explain tides."
    assert chat.at.session_state["selected_target"] == Target("demo-slow", "anthropic")
    assert (chat.field("Seed").value, chat.field("System prompt").value) == (7, "Mine")


def test_a_persona_answers_under_its_name_also_after_it_was_deleted(faked, wire):
    chat = ChatApp(model="demo-tour", wire=wire)
    save(TEACHER)
    choose(chat, "teacher")
    assert "Shall we begin?" in chat.text and chat.field("System prompt").value == "Talk like a teacher."
    chat.click("What is a tide?")
    stored = resources.store().conversations.get(ME, chat.conversation)
    assert stored is not None and stored.persona == Persona("Teacher *1*", "🧑‍🏫", "teacher")
    assert stored.params == Params(system="Talk like a teacher.", temperature=0.5)
    assert "Teacher *1*" in chat.answers[0] and "teacher" in chat.answers[0]
    resources.store().prompts.delete(ME, "teacher")
    again = ChatApp(c=chat.conversation)
    assert "Teacher *1*" in again.answers[0]
    assert again.field("Persona").options == ["🧑‍🏫 Teacher \\*1\\*"]
    again.set_field("Persona", None)
    assert again.field("System prompt").value == "" and "replaced your system prompt" in again.text
    again.click("Undo")
    assert again.field("System prompt").value == "Talk like a teacher."
    again.set_field("Persona", None).ask("And now?")
    assert "Teacher" in again.answers[0] and "Teacher" not in again.answers[1]


def test_a_replaced_system_prompt_can_be_brought_back(chat):
    save(TEACHER, replace(TEACHER, id="cub", name="Cub", text="Growl.", params=Params(top_p=0.5)))
    choose(chat.fill("System prompt", "Typed for an hour"), "teacher").click("Undo")
    assert chat.field("System prompt").value == "Typed for an hour" and chat.field("Temperature").value is None
    choose(choose(chat.fill("System prompt", ""), "teacher"), "cub")
    assert (chat.field("Temperature").value, chat.field("Top p").value) == (None, 0.5)
    assert not chat.buttons("Undo")
    chat.ask("One").click("New chat")
    assert chat.field("Persona").value is None and chat.field("System prompt").value == ""


def test_a_model_without_permission_is_named_and_the_users_own_stays(enter, store):
    store.policy.set_allowed_models(User(ADMIN, is_admin=True), PER_USER_SCOPE, ["demo-tour"])
    store.prompts.save_team(User(ADMIN), replace(TEACHER, target=Target("demo-slow", "openai")))
    at = enter("chat", BOB, pending_prompt_id="teacher")
    assert at.session_state["selected_target"].model == "demo-tour"
    assert "made for demo-slow" in at.warning[0].value.replace("\\", "")
    assert at.text_area(key="param.system").value == "Talk like a teacher."


def test_only_admins_change_entries_of_the_team(enter, store):
    store.prompts.save_team(User(ADMIN), TEACHER)
    store.prompts.save(id_of(ADMIN), TIDES)
    actions = {
        name: {menu.proto.label: menu.options for menu in enter("prompts", name).main.get("menu_button")}
        for name in (ADMIN, BOB)
    }
    assert list(actions[BOB].values()) == [["Duplicate", "Share"]]
    assert list(actions[ADMIN].values()) == [
        ["Edit", "Duplicate", "Share", "Publish to the team", "Delete"],
        ["Edit", "Duplicate", "Share", "Delete"],
    ]
    # A forged session of another user cannot save it either.
    at = enter(
        "prompts",
        BOB,
        edited_prompt=replace(TEACHER, is_team=True),
        **{
            "prompt-edit-name": "Stolen",
            "prompt-edit-text": "x",
            "prompt-edit-stream": True,
        },
    )
    next(button for button in at.button if button.label == "Save").click().run()
    assert store.prompts.get("x", "teacher").name == "Teacher *1*"
    assert [event.action for event in store.audit.page(9, "prompt")] == ["prompt"]


def test_a_link_opens_a_preview_and_adds_a_copy(chat):
    save(replace(TEACHER, text="![x](http://evil.example) <b>"))
    choose_action(chat.open_page("prompts"), "Actions for Teacher *1*", "Share").click("Create link")
    token = chat.at.session_state["prompt_tokens"]["teacher"]
    other = ChatApp("prompts", browser="4567", p=token)
    assert "Teacher *1*" in other.text and other.at.code[0].value == "![x](http://evil.example) <b>"
    assert resources.store().prompts.summaries("browser:4567") == []
    other.click("Add to my prompts")
    (copy,) = resources.store().prompts.export_all("browser:4567")
    assert copy.id != "teacher" and (copy.name, copy.params) == (TEACHER.name, TEACHER.params)
    chat.click("Revoke 1 link")
    assert "does not exist or was revoked" in ChatApp("prompts", browser="89ab", p=token).text


def test_prompts_are_exported_with_all_data_imported_and_deleted(chat):
    save(TEACHER, TIDES)
    export = data._export_all(User(ME), "json")
    assert [prompt["name"] for prompt in json.loads(export)["prompts"]] == [TEACHER.name, TIDES.name]
    chat.at.session_state["open_tabs"] = {"settings": "data"}
    chat.open_page("settings").set_field("Yes, delete", True).click("Delete everything")
    assert summaries() == []
    chat.at.get("file_uploader")[0].upload("export.json", export, "application/json")
    chat.run().click("Import")
    assert "2 prompts were imported" in chat.text
    assert data._export_all(User(ME), "json") == export


def test_an_import_of_all_data_beyond_the_limit_brings_the_chats_and_says_so(chat, monkeypatch):
    save(TEACHER)
    chat.ask("A chat to keep")
    export = data._export_all(User(ME), "json")
    monkeypatch.setattr(prompts, "MAX_PROMPTS", 1)
    chat.at.session_state["open_tabs"] = {"settings": "data"}
    chat.open_page("settings").at.get("file_uploader")[0].upload("export.json", export, "application/json")
    chat.run().click("Import")
    assert "1,000 prompts" in chat.text and "1 chat" in chat.text
    assert summaries() == [TEACHER.name]
    assert len(list(resources.store().conversations.export_all(ME))) == 2


def test_the_page_searches_in_texts(chat):
    save(TEACHER, TIDES)
    chat.open_page("prompts").set_field("Search", "talk like")
    assert TEACHER.name in read_text(chat.at.main) and TIDES.name not in read_text(chat.at.main)


def test_the_page_takes_files_of_open_webui_and_plain_texts(page):
    uploader = page.at.get("file_uploader")[0]
    prompts = [{"command": "/brief", "title": "Brief", "content": "{{text | textarea}}"}]
    uploader.upload("prompts.json", json.dumps(prompts).encode(), "application/json")
    page.run().click("Preview")
    assert "Import 1 prompt?" in page.text
    page.click("Add to my prompts")
    assert resources.store().prompts.export_all(ME)[0].text == "{{text...}}"
    assert "Brief" in read_text(page.at.main)
