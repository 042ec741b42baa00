"""The prompt library: entries of users and of the team, links, and the persona of a conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError, TooManyPrompts
from lib.core.params import Params
from lib.core.prompts import Persona, Prompt, PromptLink, PromptSummary
from lib.core.target import Target
from lib.core.user import User
from lib.storage import prompts
from lib.storage.store import Store

ROOT = User("proxy:root", "Root", is_admin=True)
BEAR = Prompt(
    "bear",
    "persona",
    "Bär 熊",
    "Growls",
    "🐻",
    text="You are a bear, {{name}}.",
    greeting="Grr?",
    suggestions=("Honey?", "蜂蜜？"),
    target=Target("m-one", "anthropic"),
    params=Params(temperature=0.5, stop=("a", "\n")),
    created_at=5.0,
    updated_at=6.0,
)
BRIEF = Prompt("brief", "prompt", "brief", text="Sum up: {{text...}}", created_at=7.0, updated_at=7.0)


def test_an_entry_is_read_as_it_was_saved_also_after_a_restart(store, url):
    store.prompts.save("ann", BEAR)
    store.prompts.save("ann", BRIEF)
    store.prompts.save_team(ROOT, replace(BEAR, id="team", name="A team"))
    reopened = Store(url)
    assert reopened.prompts.get("ann", "bear") == BEAR
    assert reopened.prompts.get("bob", "team") == replace(BEAR, id="team", name="A team", is_team=True)
    assert reopened.prompts.get("bob", "bear") is None
    assert reopened.prompts.summaries("ann") == [
        PromptSummary("team", "persona", "A team", "Growls", "🐻", True, 6.0),
        PromptSummary("brief", "prompt", "brief", updated_at=7.0),
        PromptSummary("bear", "persona", "Bär 熊", "Growls", "🐻", False, 6.0),
    ]
    assert reopened.prompts.export_all("ann") == [BEAR, BRIEF]
    reopened.close()


def test_a_changed_entry_keeps_its_time_of_creation(store):
    store.prompts.save("ann", BEAR)
    store.prompts.save("ann", replace(BEAR, name="Cub", created_at=9.0, updated_at=9.0, target=None))
    assert store.prompts.get("ann", "bear") == replace(BEAR, name="Cub", updated_at=9.0, target=None)


def test_a_deleted_entry_comes_back_until_the_purge(store):
    store.prompts.save("ann", BEAR)
    store.prompts.save_team(ROOT, replace(BRIEF, id="team"))
    store.prompts.add_link("ann", PromptLink("l", "bear", 1.0), "hash", {"x": 1})
    store.prompts.delete("ann", "bear")
    store.prompts.delete_team(ROOT, "team")
    assert store.prompts.summaries("ann") == []
    assert store.prompts.get("ann", "bear") is store.prompts.get("ann", "team") is None
    assert store.prompts.export_all("ann") == []
    assert store.prompts.snapshot("hash") is None
    store.prompts.restore("ann", "bear")
    store.prompts.restore_team(ROOT, "team")
    assert [entry.id for entry in store.prompts.summaries("ann")] == ["team", "bear"]
    assert store.prompts.snapshot("hash") == {"x": 1}
    store.prompts.delete("ann", "bear")
    store.purge_deleted(-1.0)
    store.prompts.restore("ann", "bear")
    assert [entry.id for entry in store.prompts.summaries("ann")] == ["team"]


def test_links_to_an_entry_are_listed_and_revoked(store):
    store.prompts.save("ann", BEAR)
    store.prompts.save_team(ROOT, replace(BRIEF, id="team"))
    assert store.prompts.add_link("ann", PromptLink("l1", "bear", 1.0), "hash-1", {"x": 1})
    assert store.prompts.add_link("ann", PromptLink("l2", "bear", 2.0), "hash-2", {"x": 2})
    assert store.prompts.add_link("ann", PromptLink("l3", "team", 3.0), "hash-3", {"x": 3})
    assert not store.prompts.add_link("bob", PromptLink("l4", "bear", 3.0), "hash-4", {})
    assert [link.id for link in store.prompts.links("ann", "bear")] == ["l2", "l1"]
    store.prompts.revoke_links("ann", "bear")
    assert store.prompts.links("ann", "bear") == []
    assert [store.prompts.snapshot(f"hash-{n}") for n in (1, 2, 3, 4)] == [None, None, {"x": 3}, None]


def test_an_import_inserts_all_entries_or_none(store):
    store.prompts.save("bob", BEAR)
    with pytest.raises(StoreError):
        store.prompts.import_all("ann", [BRIEF, BEAR])
    assert store.prompts.summaries("ann") == []
    assert store.prompts.existing_ids(["bear", "brief"]) == {"bear"}
    store.prompts.import_all("ann", [BRIEF])
    assert store.prompts.get("ann", "brief") == BRIEF


def test_an_import_beyond_the_limit_is_refused_as_a_whole(store, monkeypatch):
    monkeypatch.setattr(prompts, "MAX_PROMPTS", 2)
    # Neither deleted ones nor those of others count.
    store.prompts.save("ann", replace(BEAR, id="gone"))
    store.prompts.delete("ann", "gone")
    store.prompts.save("bob", BEAR)
    store.prompts.import_all("ann", [BRIEF])
    more = [replace(BRIEF, id=f"more-{number}") for number in range(2)]
    with pytest.raises(TooManyPrompts):
        store.prompts.import_all("ann", more)
    assert store.prompts.texts("ann") == {"brief": BRIEF.text}
    store.prompts.import_all("ann", more[:1])
    store.prompts.import_all("ann", [])


def test_a_conversation_and_its_answers_keep_their_persona(store):
    bear, cub = Persona("Bear", "🐻", "bear"), Persona("Cub")
    question = Node("q", None, Message("user", (TextPart("Hi"),)), 1.0)
    answer = Node("a", "q", Message("assistant", (TextPart("Grr"),)), 2.0, persona=bear)
    store.messages.save_turn("ann", Conversation("c", "Hi", 2.0, "a", persona=bear), [question, answer])
    store.conversations.set_persona("ann", "c", cub)
    # A turn that was begun before the change does not undo it.
    store.messages.save_turn("ann", Conversation("c", "Hi", 3.0, "a", persona=bear), [])
    conversation = store.conversations.get("ann", "c")
    assert conversation is not None and conversation.persona == cub
    assert [node.persona for node in store.messages.nodes("ann", "c")] == [None, bear]
    store.conversations.set_persona("ann", "c", None)
    assert store.conversations.get("ann", "c").persona is None


def test_only_the_owner_or_an_admin_replaces_an_entry(store):
    team = replace(BRIEF, id="team")
    store.prompts.save("ann", BEAR)
    store.prompts.save_team(ROOT, team)
    store.prompts.save("bob", replace(BEAR, name="Stolen"))
    for owner in ("bob", "", ROOT.id):
        store.prompts.save(owner, replace(team, name="Stolen"))
        store.prompts.delete(owner, "team")
    store.prompts.save_team(ROOT, replace(BEAR, name="Stolen"))
    store.prompts.delete_team(ROOT, "bear")
    assert store.prompts.get("ann", "bear") == BEAR
    assert store.prompts.get("bob", "team") == replace(team, is_team=True)
    assert store.prompts.get("bob", "bear") is None
    for owner in ("", ROOT.id):
        store.users.delete_data(owner)
    assert [entry.id for entry in store.prompts.summaries("zed")] == ["team"]
