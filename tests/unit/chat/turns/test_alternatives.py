"""Alternative answers: siblings in the tree, each with its own outcome, the first one visible."""

from __future__ import annotations

import threading

import pytest

from lib.chat.turns import branches, generation, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.config.settings import Settings
from lib.core import errors, tree
from lib.core.conversation import Node, Outcome, Usage
from lib.core.events import Finish, ProviderMetadata, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.prompts import Persona
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import ScriptedAnswer, ScriptedGateway, wait_for_path, wait_until

GPT = Target("gpt-x", "openai")
THREE = (
    ProviderMetadata({"id": "all", "model": "gpt-x-2"}),
    TextDelta("Blue."),
    TextDelta("Re", choice=1),
    TextDelta("Gre", choice=2),
    TextDelta("d.", choice=1),
    Finish(Outcome.COMPLETE, "stop"),
    Finish(Outcome.LENGTH, "length", choice=2),
    Finish(Outcome.FILTERED, "content_filter", choice=1),
    UsageReport(Usage(10, 9)),
)


def start_conversation(store, *answers: ScriptedAnswer):
    """Return services, their gateway and a conversation whose first answers are running."""
    gateway = ScriptedGateway(*answers)
    services = TurnServices(store, gateway, GenerationRegistry())
    return (
        services,
        gateway,
        turn.ask(services, "ann", None, "Which colour?", GPT, Params(n=3)).conversation,
    )


def replies(services: TurnServices, conversation_id: str, parent: str) -> list[Node]:
    """Return all answers to a question in display order."""
    nodes = services.store.messages.nodes("ann", conversation_id)
    nodes_by_id = {node.id: node for node in nodes}
    answer_ids = [node.id for node in nodes if node.parent_id == parent]
    return [nodes_by_id[node_id] for node_id in tree.siblings(nodes).get(answer_ids[0], answer_ids)]


def test_alternatives_are_siblings_with_own_outcomes_and_the_first_is_visible(store):
    services, _, conversation = start_conversation(store, THREE)
    path = wait_for_path(services, conversation.id)
    nodes = replies(services, conversation.id, path[0].id)
    assert [(node.message.text, node.outcome) for node in nodes] == [
        ("Blue.", Outcome.COMPLETE),
        ("Red.", Outcome.FILTERED),
        ("Gre", Outcome.LENGTH),
    ]
    assert path[-1] == nodes[0]
    assert {node.target for node in nodes} == {GPT}
    assert [node.provider_metadata["model"] for node in nodes] == ["gpt-x-2"] * 3


def test_usage_of_alternatives_is_counted_once(store):
    services, _, conversation = start_conversation(store, THREE)
    nodes = replies(services, conversation.id, wait_for_path(services, conversation.id)[0].id)
    assert [node.usage for node in nodes] == [Usage(10, 9), Usage(), Usage()]
    assert ["usage" in node.provider_metadata for node in nodes] == [False, False, False]


def test_the_conversation_continues_from_the_visible_alternative(store):
    services, gateway, conversation = start_conversation(store, THREE, THREE[1:2] + THREE[5:6])
    question = wait_for_path(services, conversation.id)[0]
    red = replies(services, conversation.id, question.id)[1]
    branches.show_branch(services, "ann", conversation.id, red.id)
    assert wait_for_path(services, conversation.id)[-1] == red
    turn.ask(services, "ann", conversation.id, "Why that?", GPT, Params())
    path = wait_for_path(services, conversation.id)
    assert [node.message.text for node in path] == ["Which colour?", "Red.", "Why that?", "Blue."]
    assert [message.text for message in gateway.sent[-1][1]] == ["Which colour?", "Red.", "Why that?"]
    # Showing an alternative again shows its branch up to the newest message.
    branches.show_branch(services, "ann", conversation.id, replies(services, conversation.id, question.id)[0].id)
    assert len(wait_for_path(services, conversation.id)) == 2
    branches.show_branch(services, "ann", conversation.id, red.id)
    assert wait_for_path(services, conversation.id) == path


def test_unknown_and_foreign_branches_are_not_shown(store):
    services, _, conversation = start_conversation(store, THREE)
    path = wait_for_path(services, conversation.id)
    red = replies(services, conversation.id, path[0].id)[1]
    with pytest.raises(errors.ConversationNotFound):
        branches.show_branch(services, "ann", conversation.id, "nothing")
    with pytest.raises(errors.ConversationNotFound):
        branches.show_branch(services, "bob", conversation.id, red.id)
    assert wait_for_path(services, conversation.id) == path


def test_regenerating_appends_an_alternative(store):
    services, _, conversation = start_conversation(store, THREE, (TextDelta("Violet."), THREE[5]))
    question = wait_for_path(services, conversation.id)[0]
    turn.regenerate(services, "ann", conversation.id, GPT, Params())
    assert wait_for_path(services, conversation.id)[-1].message.text == "Violet."
    texts = [node.message.text for node in replies(services, conversation.id, question.id)]
    assert texts == ["Blue.", "Red.", "Gre", "Violet."]


def test_an_interruption_ends_only_running_alternatives(store):
    services, _, conversation = start_conversation(store, (*THREE[:4], THREE[5], errors.StreamInterrupted()))
    nodes = replies(services, conversation.id, wait_for_path(services, conversation.id)[0].id)
    assert [(node.message.text, node.outcome) for node in nodes] == [
        ("Blue.", Outcome.COMPLETE),
        ("Re", Outcome.INTERRUPTED),
        ("Gre", Outcome.INTERRUPTED),
    ]
    assert [node.failure and node.failure.code for node in nodes] == [None, "cut", "cut"]


@pytest.mark.parametrize("alternative", [0, 1])
def test_a_remote_stop_ends_all_alternatives_and_preserves_their_text(store, monkeypatch, alternative):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    services, _, conversation = start_conversation(store, (*THREE[:4], threading.Event()))
    question = store.messages.nodes("ann", conversation.id)[0].id
    wait_until(lambda: [n.message.text for n in replies(services, conversation.id, question)] == ["Blue.", "Re", "Gre"])
    saved = replies(services, conversation.id, question)
    assert {node.outcome for node in saved} == {Outcome.ARRIVING}
    assert store.messages.mark_stale(generation.STALE_AFTER) == 0
    store.messages.mark_stopped("ann", saved[alternative].id)
    wait_for_path(services, conversation.id)
    ended = replies(services, conversation.id, question)
    assert [node.message.text for node in ended] == ["Blue.", "Re", "Gre"]
    assert {node.outcome for node in ended} == {Outcome.STOPPED}


def test_alternatives_of_a_dead_process_are_interrupted(store, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    release = threading.Event()
    services, _, conversation = start_conversation(store, (*THREE[:4], release))
    question = store.messages.nodes("ann", conversation.id)[0].id
    wait_until(lambda: len(replies(services, conversation.id, question)) == 3)
    # Another process only sees that the heartbeat has stopped: with the lock, there is none.
    with services.generations.find("ann", conversation.id).save_lock:
        assert store.messages.mark_stale(-1.0) == 3
        nodes = replies(services, conversation.id, question)
    assert {node.outcome for node in nodes} == {Outcome.INTERRUPTED}
    assert [node.message.text for node in nodes] == ["Blue.", "Re", "Gre"]
    release.set()
    wait_for_path(services, conversation.id)


def test_a_deleted_conversation_receives_no_alternatives(store):
    release = threading.Event()
    services, _, conversation = start_conversation(store, (TextDelta("Blue."), release, *THREE[2:]))
    store.conversations.delete("ann", [conversation.id])
    store.purge_deleted(-1.0)
    release.set()
    wait_until(lambda: services.generations.find("ann", conversation.id) is None)
    assert store.messages.nodes("ann", conversation.id) == []


def test_the_demo_returns_the_requested_number_of_alternatives(store):
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    try:
        services = TurnServices(store, client, GenerationRegistry())
        conversation = turn.ask(services, "ann", None, "Hello", Target("demo-tour", "openai"), Params(n=3)).conversation
        nodes = replies(services, conversation.id, wait_for_path(services, conversation.id)[0].id)
        assert [node.outcome for node in nodes] == [Outcome.COMPLETE] * 3
        assert all(node.message.text for node in nodes)
        assert [node.usage.output is None for node in nodes] == [False, True, True]
    finally:
        client.close()
        server.close()


def test_each_answer_has_the_persona_that_its_conversation_had(store):
    gateway = ScriptedGateway(THREE, (TextDelta("Pink."), Finish(Outcome.COMPLETE, "stop")))
    services, bear = TurnServices(store, gateway, GenerationRegistry()), Persona("Bear", "🐻", "p")
    conversation = turn.ask(services, "ann", None, "Which colour?", GPT, Params(n=3), persona=bear).conversation
    question = wait_for_path(services, conversation.id)[0]
    assert [node.persona for node in replies(services, conversation.id, question.id)] == [bear] * 3
    assert store.conversations.get("ann", conversation.id).persona == bear
    store.conversations.set_persona("ann", conversation.id, None)
    turn.regenerate(services, "ann", conversation.id, GPT, Params())
    wait_for_path(services, conversation.id)
    assert [node.persona for node in replies(services, conversation.id, question.id)] == [bear, bear, bear, None]
