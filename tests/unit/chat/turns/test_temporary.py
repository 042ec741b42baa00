"""Temporary store: the interface of the database for turns, without persistence."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lib.chat.turns import branches, turn
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, Feedback, Message, Node, Outcome, TextPart, Timing, Truncation, Usage
from lib.core.errors import DuplicateSubmission
from lib.core.events import Event, Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.core.usage import UsageRecord, UsageTotal
from tests.unit.chat.services import FakeUsageStore, ScriptedGateway, wait_for_path, wait_until

TARGET = Target("m", "openai")


@pytest.fixture(params=["temporary", "database"])
def turn_store(request, store):
    """The temporary store and the database, which behave alike."""
    return TemporaryStore("ann", FakeUsageStore()) if request.param == "temporary" else store


def script(text: str, outcome: Outcome = Outcome.COMPLETE) -> list[Event]:
    return [TextDelta(text), Finish(outcome, outcome.value)]


def save_turn(turn_store, outcome: Outcome = Outcome.ARRIVING) -> tuple[Conversation, Node, Node]:
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    answer = Node("a", "q", Message("assistant", ()), 2.0, outcome, target=TARGET)
    conversation = Conversation("c", "Why?", 2.0, "a", TARGET)
    turn_store.messages.save_turn("ann", conversation, [question, answer])
    return conversation, question, answer


def test_feedback_is_kept_beside_the_answer(turn_store):
    save_turn(turn_store, Outcome.COMPLETE)
    revision = turn_store.conversations.get("ann", "c").revision
    turn_store.messages.set_feedback("ann", "a", Feedback("bad", "Too long"))
    turn_store.messages.set_feedback("bob", "a", None)
    assert turn_store.messages.node("ann", "a").feedback == Feedback("bad", "Too long")
    assert turn_store.conversations.get("ann", "c").revision == revision + 1
    turn_store.messages.set_feedback("ann", "a", None)
    assert turn_store.messages.node("ann", "a").feedback is None


def test_a_complete_conversation_works(turn_store):
    endless = threading.Event()
    gateway = ScriptedGateway(
        script("One"),
        script("Another", Outcome.LENGTH),
        script(" one"),
        [TextDelta("Half"), endless],
    )
    services = TurnServices(turn_store, gateway, GenerationRegistry())
    conversation = turn.ask(services, "ann", None, "First", TARGET, Params()).conversation
    assert [node.message.text for node in wait_for_path(services, conversation.id)] == ["First", "One"]
    other = Target("n", "anthropic")
    turn.regenerate(services, "ann", conversation.id, other, Params(temperature=0.5))
    cut = wait_for_path(services, conversation.id)[-1]
    assert (cut.message.text, cut.outcome, cut.target) == ("Another", Outcome.LENGTH, other)
    turn.continue_answer(services, "ann", conversation.id, cut.id, Params())
    assert wait_for_path(services, conversation.id)[-1].message.text == "Another one"
    nodes = services.store.messages.nodes("ann", conversation.id)
    assert [node.message.text for node in nodes if node.parent_id == cut.parent_id] == ["One", "Another one"]
    branches.show_branch(services, "ann", conversation.id, nodes[1].id)
    assert services.store.conversations.get("ann", conversation.id).head_id == nodes[1].id
    turn.ask(services, "ann", conversation.id, "Second", TARGET, Params())
    answer = services.generations.find("ann", conversation.id)
    wait_until(lambda: answer.wait(-1, 0).node.message.text == "Half")
    answer.stop()
    path = wait_for_path(services, conversation.id)
    assert [node.message.text for node in path] == ["First", "One", "Second", "Half"]
    assert path[-1].outcome is Outcome.STOPPED
    assert [message.text for message in gateway.sent[-1][1]] == ["First", "One", "Second"]
    saved = services.store.conversations.get("ann", conversation.id)
    assert (saved.title, saved.target, saved.params) == ("First", TARGET, Params())


def test_saved_values_are_returned_unchanged(turn_store):
    conversation, question, answer = save_turn(turn_store)
    assert turn_store.messages.nodes("ann", "c") == [question, answer]
    assert turn_store.messages.node("ann", "q") == question
    saved = turn_store.conversations.get("ann", "c")
    assert (saved.head_id, saved.target, saved.updated_at) == ("a", TARGET, 2.0)
    partial = replace(
        answer,
        message=Message("assistant", (TextPart("So"),)),
        finish_reason="stop",
        provider_metadata={"id": "x"},
    )
    assert turn_store.messages.save_checkpoints([Checkpoint("ann", partial)])[0] is Outcome.ARRIVING
    assert turn_store.messages.node("ann", "a") == partial
    ended = replace(partial, outcome=Outcome.COMPLETE, request_id="r")
    turn_store.messages.finish("ann", ended)
    assert turn_store.messages.node("ann", "a") == ended
    assert turn_store.messages.save_checkpoints([Checkpoint("ann", partial)])[0] is Outcome.COMPLETE
    turn_store.messages.reopen("ann", replace(conversation, updated_at=3.0), replace(ended, outcome=Outcome.ARRIVING))
    assert turn_store.messages.node("ann", "a").arriving
    assert turn_store.conversations.get("ann", "c").updated_at == 3.0
    turn_store.messages.mark_stopped("ann", "a")
    turn_store.messages.mark_stopped("ann", "q")
    assert [node.outcome for node in turn_store.messages.nodes("ann", "c")] == [
        Outcome.COMPLETE,
        Outcome.STOPPED,
    ]
    sibling = replace(ended, id="b", created_at=3.0)
    turn_store.messages.add("ann", "c", sibling)
    turn_store.messages.add("ann", "c", replace(sibling, finish_reason="again"))
    turn_store.messages.add("ann", "no such", replace(sibling, id="d"))
    assert turn_store.messages.nodes("ann", "c")[2:] == [sibling]
    turn_store.messages.set_head("ann", "c", "b")
    turn_store.conversations.set_params("ann", "c", Params(top_p=0.5))
    saved = turn_store.conversations.get("ann", "c")
    assert (saved.head_id, saved.params) == ("b", Params(top_p=0.5))


def test_a_turn_with_the_same_idempotency_key_is_saved_once(turn_store):
    conversation = Conversation("c", "Why?", 1.0, "q", created_at=1.0)
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    turn_store.messages.save_turn("ann", conversation, [question], "key")
    assert turn_store.messages.find_submission("ann", "key") == "c"
    assert turn_store.messages.find_submission("ben", "key") is None
    assert turn_store.messages.find_submission("ann", "") is None
    with pytest.raises(DuplicateSubmission):
        turn_store.messages.save_turn("ann", conversation, [replace(question, id="r")], "key")
    assert turn_store.messages.nodes("ann", "c") == [question]


def test_other_owners_have_no_access(turn_store):
    conversation, question, answer = save_turn(turn_store)
    before = turn_store.conversations.get("ann", "c")
    foreign_answer = replace(answer, message=Message("assistant", (TextPart("Mine"),)), outcome=Outcome.COMPLETE)
    turn_store.messages.save_turn("ben", replace(conversation, head_id="q"), [])
    turn_store.messages.reopen("ben", replace(conversation, head_id="q"), foreign_answer)
    turn_store.messages.add("ben", "c", replace(foreign_answer, id="e"))
    turn_store.messages.set_head("ben", "c", "q")
    turn_store.conversations.set_params("ben", "c", Params(top_p=0.5))
    turn_store.messages.finish("ben", foreign_answer)
    turn_store.messages.mark_stopped("ben", "a")
    assert turn_store.messages.save_checkpoints([Checkpoint("ben", foreign_answer)])[0] is None
    assert turn_store.conversations.get("ben", "c") is None
    assert turn_store.messages.node("ben", "a") is None
    assert turn_store.messages.nodes("ben", "c") == []
    assert turn_store.messages.nodes("ann", "c") == [question, answer]
    assert turn_store.conversations.get("ann", "c") == before


def test_a_stale_answer_is_interrupted(turn_store):
    save_turn(turn_store)
    assert turn_store.messages.mark_stale(STALE_AFTER) == 0
    assert turn_store.messages.mark_stale(-1.0) == 1
    assert turn_store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_clearing_the_store_ends_the_running_answer():
    temporary_store, endless = TemporaryStore("ann", FakeUsageStore()), threading.Event()
    services = TurnServices(temporary_store, ScriptedGateway([TextDelta("Half"), endless]), GenerationRegistry())
    assert temporary_store.current_conversation_id is None
    conversation = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation
    assert temporary_store.current_conversation_id == conversation.id
    temporary_store.clear()
    wait_until(lambda: services.generations.find("ann", conversation.id) is None)
    assert temporary_store.current_conversation_id is None
    assert temporary_store.conversations.get("ann", conversation.id) is None
    assert temporary_store.messages.nodes("ann", conversation.id) == []


def test_truncation_and_soft_deletion_are_stored():
    temporary_store = TemporaryStore("ann", FakeUsageStore())
    _, question, answer = save_turn(temporary_store)
    temporary_store.conversations.set_truncation("ann", "c", Truncation("a", "They asked why."))
    assert temporary_store.conversations.get("ann", "c").truncation == Truncation("a", "They asked why.")
    revision = temporary_store.conversations.get("ann", "c").revision
    temporary_store.messages.set_deleted("ben", "c", ["q", "a"], 5.0)
    temporary_store.messages.set_deleted("ann", "other", ["q"], 5.0)
    assert temporary_store.messages.nodes("ann", "c") == [question, answer]
    temporary_store.messages.set_deleted("ann", "c", ["q", "a", "no such"], 5.0)
    assert [node.deleted_at for node in temporary_store.messages.nodes("ann", "c")] == [5.0, 5.0]
    temporary_store.messages.set_deleted("ann", "c", ["q", "a"], None)
    assert temporary_store.messages.nodes("ann", "c") == [question, answer]
    assert temporary_store.conversations.get("ann", "c").revision == revision + 2


def test_usage_is_recorded_without_identifiers():
    usage_store = FakeUsageStore()
    temporary_store = TemporaryStore("ann", usage_store)
    save_turn(temporary_store)
    before = (temporary_store.conversations.get("ann", "c"), temporary_store.messages.nodes("ann", "c"))
    usage = Usage(1, 2)
    record = UsageRecord("s", "c", "answer", TARGET, usage, Timing(), Outcome.COMPLETE, "r", 3.0, "a", cost=5)
    temporary_store.usage.record("ann", record)
    temporary_store.usage.record("ann", record)
    assert (
        temporary_store.conversations.get("ann", "c"),
        temporary_store.messages.nodes("ann", "c"),
    ) == before
    anonymous = replace(record, conversation_id=None, node_id=None, request_id="")
    # Both have the same id, so that a database stores only the first.
    assert usage_store.records == [("ann", anonymous)] * 2
    assert temporary_store.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 0, 0, 5, usage)}
    assert (
        temporary_store.usage.totals_by_answer("ann", "other")
        == temporary_store.usage.totals_by_answer("bob", "c")
        == {}
    )
    temporary_store.clear()
    temporary_store.usage.record("ann", replace(record, id="late"))
    assert len(usage_store.records) == 3
    assert temporary_store.usage.totals_by_answer("ann", "c") == {}


def test_concurrent_writes_are_safe():
    temporary_store = TemporaryStore("ann", FakeUsageStore())
    _, _, answer = save_turn(temporary_store)

    def work(number: int) -> None:
        for step in range(100):
            temporary_store.messages.add("ann", "c", replace(answer, id=f"{number}-{step}"))
            changed = replace(answer, finish_reason=f"{number}-{step}")
            temporary_store.messages.save_checkpoints([Checkpoint("ann", changed)])
            temporary_store.messages.nodes("ann", "c")
            temporary_store.messages.mark_stale(STALE_AFTER)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [None] * 8
    assert len(temporary_store.messages.nodes("ann", "c")) == 2 + 8 * 100
