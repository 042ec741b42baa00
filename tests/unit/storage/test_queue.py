"""Queued questions in the database: processes send each of them once, and they are stored as they were chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, new_id
from lib.core.errors import QuestionNotQueued
from lib.core.params import Params
from lib.core.question_queue import Pause, QuestionQueue, QueuedQuestion
from lib.core.target import Target
from lib.storage.store import Store
from tests.unit.storage.child_process import LOCK_TIMEOUT, start_children

TARGET = Target("m", "anthropic")
QUESTION = QueuedQuestion(
    "w", "c", "  Why\n\tnot? 你好", TARGET, Params(system="Be kind.", stop=("a",)), 3.0, "a", True
)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="u")
PROCESS_COUNT = 2
# Each process sends what waits after the end of the answer, as the one that has produced it would.
PROGRAM = """
from lib.chat.turns import queue
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from tests.unit.chat.services import ScriptedGateway, answer_of, wait_until

store = Store(url, LOCK_TIMEOUT)
gateway = ScriptedGateway(*[answer_of("Because.")] * 9)
services = TurnServices(store, gateway, GenerationRegistry(), on_answer_end=queue.send_next)
wait()
queue.send_next(services, "ann", "c", "a")
wait_until(lambda: not store.queue.load("ann", "c").questions and not len(services.generations))
send([request[1][-1].text for request in gateway.sent])
store.close()
"""


def save_arriving(store: Store) -> None:
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [question, ANSWER])


def test_processes_send_each_question_once(url):
    store = Store(url, LOCK_TIMEOUT)
    save_arriving(store)
    texts = [f"Question {number}" for number in range(6)]
    for text in texts:
        assert store.queue.add("ann", replace(QUESTION, id=new_id(), text=text, uses_personal_key=False))
    with start_children(url, PROGRAM, PROCESS_COUNT) as children:
        store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE))
        for child in children:
            child.resume()
        sent = [child.finish() for child in children]
    assert sorted(sum(sent, [])) == texts
    nodes = store.messages.nodes("ann", "c")
    assert [node.message.text for node in nodes if node.message.role == "user"] == ["Why?", *texts]
    assert all(node.outcome is Outcome.COMPLETE for node in nodes)
    store.close()


def test_a_question_is_stored_as_it_was_chosen(url):
    store = Store(url)
    save_arriving(store)
    assert store.queue.add("ann", QUESTION)
    store.close()
    reopened = Store(url)
    assert reopened.queue.load("ann", "c") == QuestionQueue((QUESTION,))
    assert reopened.queue.load("bob", "c") == QuestionQueue()
    reopened.close()


@pytest.mark.parametrize("end", ["stopped elsewhere", "stale", "finished"])
def test_the_end_of_an_answer_pauses_in_its_own_transaction(store, end):
    save_arriving(store)
    store.queue.add("ann", QUESTION)
    if end == "stopped elsewhere":
        store.messages.mark_stopped("ann", "a")
    elif end == "stale":
        assert store.messages.mark_stale(-1) == 1
    else:
        store.messages.finish("ann", replace(ANSWER, outcome=Outcome.LENGTH))
    reason = {"stopped elsewhere": "stopped", "stale": "interrupted"}.get(end, "length")
    assert store.queue.load("ann", "c").pause == Pause(reason)
    with pytest.raises(QuestionNotQueued):
        store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [], queued=QUESTION)
    # The producer's late end sends nothing.
    store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE))
    assert store.queue.load("ann", "c").pause == Pause(reason)


def test_a_turn_that_fails_leaves_its_question_in_the_queue(store):
    save_arriving(store)
    store.queue.add("ann", QUESTION)
    store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE))
    orphan = Node("w", "missing", Message("user", (TextPart("Why?"),)), 1.0)
    with pytest.raises(Exception, match="parent"):
        store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [orphan], queued=QUESTION)
    assert store.queue.load("ann", "c").questions == (QUESTION,)


def test_a_further_alternative_does_not_pause(store):
    save_arriving(store)
    store.queue.add("ann", QUESTION)
    store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE))
    alternative = replace(ANSWER, id="b", usage_record_id="", outcome=Outcome.LENGTH)
    store.messages.add("ann", "c", alternative)
    store.messages.finish("ann", alternative)
    assert store.queue.load("ann", "c").is_handing_over


def test_a_question_with_a_wire_of_a_later_version_is_skipped(store):
    save_arriving(store)
    store.queue.add("ann", replace(QUESTION, target=Target("m", "later")))  # type: ignore[arg-type]
    assert store.queue.load("ann", "c") == QuestionQueue()
