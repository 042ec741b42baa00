"""Projects: settings of folders, and renaming, merging, deleting and importing folders with their conversations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.params import Params
from lib.core.projects import MAX_INSTRUCTIONS_CHARS, Project, add_instructions, build_project, note_of
from lib.core.target import Target
from lib.storage.store import Store

TIDES = Project(
    "Tides 潮汐",
    "Answer in metres.",
    Target("m-one", "anthropic"),
    Params(temperature=0.5, stop=("a", "\n")),
    created_at=5.0,
    updated_at=6.0,
)


def save_conversation(store: Store, name: str, folder: str, **fields) -> None:
    question = Node(f"q{name}", None, Message("user", (TextPart("Why?"),)), 1.0)
    conversation = Conversation(name, "Why?", 1.0, question.id, created_at=0.5, folder=folder, **fields)
    store.messages.save_turn("ann", conversation, [question])


def folder_of(store: Store, name: str) -> str:
    return store.conversations.get("ann", name).folder


def test_settings_are_read_as_they_were_saved_also_after_a_restart(store, url):
    store.projects.save("ann", TIDES)
    store.projects.save("ann", Project("Empty", created_at=7.0))
    store.projects.save("ann", replace(TIDES, instructions="In feet.", created_at=9.0, updated_at=9.0))
    reopened = Store(url)
    changed = replace(TIDES, instructions="In feet.", updated_at=9.0)
    assert reopened.projects.get("ann", TIDES.name) == changed
    assert reopened.projects.export_all("ann") == [changed, Project("Empty", created_at=7.0)]
    assert reopened.projects.instructions("ann", [TIDES.name, "Empty", "None"]) == {TIDES.name: "In feet."}
    reopened.close()


def test_a_folder_exists_by_its_settings_or_by_a_conversation(store):
    save_conversation(store, "a", "Plain", archived=True)
    save_conversation(store, "b", TIDES.name)
    save_conversation(store, "c", TIDES.name, pinned=True)
    store.projects.save("ann", TIDES)
    store.projects.save("ann", Project("Empty"))
    assert store.projects.get("ann", "Plain") == Project("Plain")
    assert store.projects.get("ann", "Empty") == Project("Empty")
    assert store.projects.get("ann", "None") is store.projects.get("ann", "") is None
    assert store.conversations.folders("ann") == [("Empty", 0), (TIDES.name, 1)]
    store.conversations.delete("ann", ["a"])
    assert store.projects.get("ann", "Plain") is None


def test_renaming_takes_all_conversations_and_the_settings_along(store):
    save_conversation(store, "a", TIDES.name, archived=True)
    save_conversation(store, "b", TIDES.name)
    store.conversations.delete("ann", ["b"])
    store.projects.save("ann", TIDES)
    moved = store.projects.move("ann", TIDES.name, "Sea")
    store.conversations.restore("ann", ["b"])
    assert [folder_of(store, name) for name in "ab"] == ["Sea", "Sea"]
    assert store.projects.export_all("ann") == [replace(TIDES, name="Sea")]
    store.projects.undo_move("ann", moved)
    assert [folder_of(store, name) for name in "ab"] == [TIDES.name] * 2
    assert store.projects.export_all("ann") == [TIDES]


@pytest.mark.parametrize("settings", [TIDES, None])
def test_a_merged_folder_keeps_the_settings_of_the_one_it_joins(store, settings):
    sea = Project("Sea", "In fathoms.", created_at=1.0)
    save_conversation(store, "a", TIDES.name)
    save_conversation(store, "b", "Sea")
    for project in filter(None, (settings, sea)):
        store.projects.save("ann", project)
    moved = store.projects.move("ann", TIDES.name, "Sea")
    assert [folder_of(store, name) for name in "ab"] == ["Sea", "Sea"]
    assert store.projects.export_all("ann") == [sea]
    store.conversations.move_to_folder("ann", ["b"], "")
    store.projects.undo_move("ann", moved)
    assert [folder_of(store, name) for name in "ab"] == [TIDES.name, ""]
    assert store.projects.export_all("ann") == [sea, *filter(None, [settings])]


def test_a_deleted_folder_leaves_its_conversations_and_comes_back(store):
    save_conversation(store, "a", TIDES.name)
    save_conversation(store, "b", TIDES.name)
    save_conversation(store, "c", "")
    store.projects.save("ann", TIDES)
    moved = store.projects.move("ann", TIDES.name, "")
    assert [folder_of(store, name) for name in "abc"] == ["", "", ""]
    assert (store.conversations.folders("ann"), store.projects.export_all("ann")) == ([], [])
    # What was moved since then stays there, and conversations of no folder stay in none.
    store.conversations.move_to_folder("ann", ["b"], "Sea")
    store.projects.undo_move("ann", moved)
    assert [folder_of(store, name) for name in "abc"] == [TIDES.name, "Sea", ""]
    assert store.projects.export_all("ann") == [TIDES]


def test_an_import_changes_no_folder_that_exists(store):
    save_conversation(store, "a", "Plain")
    store.projects.save("ann", TIDES)
    imported = [TIDES, Project("Plain", "Obey."), Project("New", "Be brief.")]
    assert store.projects.import_all("ann", imported) == 1
    assert store.projects.import_all("ann", [replace(TIDES, instructions="Obey.")]) == 1
    assert store.projects.export_all("ann") == [Project("New", "Be brief."), TIDES]


def test_untrusted_texts_become_a_project_or_none():
    built = build_project("  Two\nlines ", " Be brief. ", params=Params(system="Hidden", seed=1))
    assert built == Project("Two lines", "Be brief.", params=Params(seed=1))
    assert build_project("n" * 80).name == "n" * 60
    assert build_project(" \n") is build_project("n", "x" * (MAX_INSTRUCTIONS_CHARS + 1)) is None


def test_instructions_come_before_the_system_prompt_of_the_conversation():
    own = Params(system="Rhyme.", seed=1)
    assert add_instructions(own, TIDES) == Params(system="Answer in metres.\n\nRhyme.", seed=1)
    assert add_instructions(Params(), TIDES) == Params(system="Answer in metres.")
    assert add_instructions(own, Project("Plain")) is add_instructions(own, None) is own
    assert note_of(TIDES) == {"name": "Tides 潮汐", "instructions": "Answer in metres."}
    assert len(note_of(replace(TIDES, instructions="x" * 999))["instructions"]) == 300
    assert note_of(None) == note_of(Project("Plain")) == {}
