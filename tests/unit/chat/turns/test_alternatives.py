"""Several answers to one question: siblings in the tree, each with its own end, one of them shown."""

from __future__ import annotations

import threading

import pytest

from lib.chat.turns import branches, turn
from lib.chat.turns import generation as module
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.turn import TurnServices
from lib.config.settings import Settings
from lib.core import errors, tree
from lib.core.conversation import Node, Outcome, Usage
from lib.core.events import Finish, ProviderMetadata, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import Said, Scripted, settled, until

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


def asked(store, *answers: Said):
    """A desk, its gateway, and a conversation whose first answers are under way."""
    gateway = Scripted(*answers)
    desk = TurnServices(store, gateway, GenerationRegistry())
    return (
        desk,
        gateway,
        turn.ask(desk, "ann", None, "Which colour?", GPT, Params(n=3)).conversation,
    )


def replies(desk: TurnServices, conversation: str, parent: str) -> list[Node]:
    """All answers to a question, in the order in which they are paged through."""
    nodes = desk.store.messages.nodes("ann", conversation)
    known = {node.id: node for node in nodes}
    found = [node.id for node in nodes if node.parent_id == parent]
    return [known[name] for name in tree.siblings(nodes).get(found[0], found)]


def test_alternatives_are_siblings_each_with_its_own_end_and_the_first_is_shown(store):
    desk, _, talk = asked(store, THREE)
    path = settled(desk, talk.id)
    nodes = replies(desk, talk.id, path[0].id)
    assert [(node.message.text, node.outcome) for node in nodes] == [
        ("Blue.", Outcome.COMPLETE),
        ("Red.", Outcome.FILTERED),
        ("Gre", Outcome.LENGTH),
    ]
    assert path[-1] == nodes[0]
    assert {node.target for node in nodes} == {GPT}
    assert [node.provider_metadata["model"] for node in nodes] == ["gpt-x-2"] * 3


def test_the_requests_usage_is_counted_once(store):
    desk, _, talk = asked(store, THREE)
    nodes = replies(desk, talk.id, settled(desk, talk.id)[0].id)
    assert [node.usage for node in nodes] == [Usage(10, 9), Usage(), Usage()]
    assert ["usage" in node.provider_metadata for node in nodes] == [False, False, False]


def test_the_conversation_goes_on_from_the_one_that_is_shown(store):
    desk, gateway, talk = asked(store, THREE, THREE[1:2] + THREE[5:6])
    question = settled(desk, talk.id)[0]
    red = replies(desk, talk.id, question.id)[1]
    branches.show_branch(desk, "ann", talk.id, red.id)
    assert settled(desk, talk.id)[-1] == red
    turn.ask(desk, "ann", talk.id, "Why that?", GPT, Params())
    path = settled(desk, talk.id)
    assert [node.message.text for node in path] == ["Which colour?", "Red.", "Why that?", "Blue."]
    assert [message.text for message in gateway.sent[-1][1]] == ["Which colour?", "Red.", "Why that?"]
    # Back to another one, and to this one again: its branch is shown to its end.
    branches.show_branch(desk, "ann", talk.id, replies(desk, talk.id, question.id)[0].id)
    assert len(settled(desk, talk.id)) == 2
    branches.show_branch(desk, "ann", talk.id, red.id)
    assert settled(desk, talk.id) == path


def test_what_is_not_there_or_anothers_is_not_shown(store):
    desk, _, talk = asked(store, THREE)
    path = settled(desk, talk.id)
    red = replies(desk, talk.id, path[0].id)[1]
    with pytest.raises(errors.ConversationNotFound):
        branches.show_branch(desk, "ann", talk.id, "nothing")
    with pytest.raises(errors.ConversationNotFound):
        branches.show_branch(desk, "bob", talk.id, red.id)
    assert settled(desk, talk.id) == path


def test_answering_again_adds_an_alternative_behind_the_others(store):
    desk, _, talk = asked(store, THREE, (TextDelta("Violet."), THREE[5]))
    question = settled(desk, talk.id)[0]
    turn.regenerate(desk, "ann", talk.id, GPT, Params())
    assert settled(desk, talk.id)[-1].message.text == "Violet."
    texts = [node.message.text for node in replies(desk, talk.id, question.id)]
    assert texts == ["Blue.", "Red.", "Gre", "Violet."]


def test_a_break_ends_only_what_had_not_ended(store):
    desk, _, talk = asked(store, (*THREE[:4], THREE[5], errors.StreamInterrupted()))
    nodes = replies(desk, talk.id, settled(desk, talk.id)[0].id)
    assert [(node.message.text, node.outcome) for node in nodes] == [
        ("Blue.", Outcome.COMPLETE),
        ("Re", Outcome.INTERRUPTED),
        ("Gre", Outcome.INTERRUPTED),
    ]
    assert [node.failure and node.failure.code for node in nodes] == [None, "cut", "cut"]


@pytest.mark.parametrize("alternative", [0, 1])
def test_a_stop_from_afar_ends_all_of_them_and_keeps_what_was_saved(store, monkeypatch, alternative):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    desk, _, talk = asked(store, (*THREE[:4], threading.Event()))
    question = store.messages.nodes("ann", talk.id)[0].id
    until(lambda: [n.message.text for n in replies(desk, talk.id, question)] == ["Blue.", "Re", "Gre"])
    kept = replies(desk, talk.id, question)
    assert {node.outcome for node in kept} == {Outcome.ARRIVING}
    assert store.messages.mark_stale(module.STALE_AFTER) == 0
    store.messages.mark_stopped("ann", kept[alternative].id)
    settled(desk, talk.id)
    ended = replies(desk, talk.id, question)
    assert [node.message.text for node in ended] == ["Blue.", "Re", "Gre"]
    assert {node.outcome for node in ended} == {Outcome.STOPPED}


def test_alternatives_of_a_process_that_died_are_all_interrupted(store, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    over = threading.Event()
    desk, _, talk = asked(store, (*THREE[:4], over))
    question = store.messages.nodes("ann", talk.id)[0].id
    until(lambda: len(replies(desk, talk.id, question)) == 3)
    # All that another process sees of a death is that there are no more signs of life.
    assert store.messages.mark_stale(-1.0) == 3
    swept = replies(desk, talk.id, question)
    assert {node.outcome for node in swept} == {Outcome.INTERRUPTED}
    assert [node.message.text for node in swept] == ["Blue.", "Re", "Gre"]
    over.set()
    settled(desk, talk.id)


def test_a_conversation_deleted_meanwhile_takes_no_more_alternatives(store):
    go = threading.Event()
    desk, _, talk = asked(store, (TextDelta("Blue."), go, *THREE[2:]))
    store.conversations.delete("ann", [talk.id])
    store.purge_deleted(-1.0)
    go.set()
    until(lambda: desk.generations.find("ann", talk.id) is None)
    assert store.messages.nodes("ann", talk.id) == []


def test_the_demo_gives_as_many_as_were_asked_for(store):
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    try:
        desk = TurnServices(store, client, GenerationRegistry())
        talk = turn.ask(desk, "ann", None, "Hello", Target("demo-tour", "openai"), Params(n=3)).conversation
        nodes = replies(desk, talk.id, settled(desk, talk.id)[0].id)
        assert [node.outcome for node in nodes] == [Outcome.COMPLETE] * 3
        assert all(node.message.text for node in nodes)
        assert [node.usage.output is None for node in nodes] == [False, True, True]
    finally:
        client.close()
        server.close()
