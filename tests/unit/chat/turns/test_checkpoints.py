"""Checkpoints of an arriving answer: nothing is written again that has not changed, and images seldom."""

from __future__ import annotations

import threading
from dataclasses import replace

from lib.chat.turns import generation
from lib.chat.turns.generation import Generation
from lib.core.conversation import Conversation, ImagePart, Message, Node, Outcome
from lib.core.events import ContentPart, Finish, TextDelta
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken
from tests.unit.chat.services import wait_until

NODE = Node(
    "a", None, Message("assistant", ()), 2.0, Outcome.ARRIVING, target=Target("m", "openai"), usage_record_id="u"
)
IMAGE = ImagePart("image/png", "iVBORw0KGgo" + "A" * 400_000)


class CountedMessages:
    """The messages of a store, with the writes of an arriving answer: its text, or None for a heartbeat.

    A write is listed when it has ended, so that a test which sees it can read it from the store.
    """

    def __init__(self, messages) -> None:
        self._messages = messages
        self.writes: list[str | None] = []

    def checkpoint(self, owner, node):
        stored = self._messages.checkpoint(owner, node)
        self.writes.append(node.message.text)
        return stored

    def beat(self, owner, node):
        outcome = self._messages.beat(owner, node)
        self.writes.append(None)
        return outcome

    def finish(self, owner, node, records):
        return self._messages.finish(owner, node, records)


def start(store, monkeypatch, *events) -> CountedMessages:
    """Produce the events; a threading.Event among them is waited for."""
    monkeypatch.setattr(generation, "CHECKPOINT_INTERVAL", 0.01)
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [NODE])
    messages = CountedMessages(store.messages)

    def produce():
        for event in events:
            if isinstance(event, threading.Event):
                assert event.wait(20)
            else:
                yield event

    Generation("ann", "c", NODE, CancelToken(), messages).start(produce, lambda _: None)
    return messages


def test_an_answer_that_does_not_change_is_written_once(store, monkeypatch):
    more, end = threading.Event(), threading.Event()
    messages = start(
        store, monkeypatch, TextDelta("One"), more, TextDelta(" two"), end, Finish(Outcome.COMPLETE, "stop")
    )
    wait_until(lambda: messages.writes.count(None) >= 5)
    assert messages.writes.count("One") == 1
    more.set()
    wait_until(lambda: "One two" in messages.writes)
    assert store.messages.node("ann", "a").message.text == "One two"
    end.set()
    wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.COMPLETE)


def test_an_image_is_not_written_with_every_delta_behind_it(store, monkeypatch):
    monkeypatch.setattr(generation, "IMAGE_BYTES_PER_SECOND", 1)  # never again within this test
    more, end = threading.Event(), threading.Event()
    messages = start(
        store, monkeypatch, ContentPart(IMAGE, 1), more, TextDelta("A cat", 2), end, Finish(Outcome.COMPLETE, "")
    )
    wait_until(lambda: "" in messages.writes and store.messages.node("ann", "a").message.parts == (IMAGE,))
    more.set()
    count = len(messages.writes)
    wait_until(lambda: len(messages.writes) >= count + 5)
    assert "A cat" not in messages.writes
    # The heartbeat goes on, and the end is written whole.
    assert store.messages.mark_stale(10.0) == 0
    end.set()
    wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.COMPLETE)
    assert store.messages.node("ann", "a").message.text == "A cat"


def test_a_heartbeat_reports_the_stop_of_another_process(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [NODE])
    assert store.messages.beat("ann", NODE) is Outcome.ARRIVING
    assert store.messages.beat("bob", NODE) is None
    store.messages.mark_stopped("ann", "a")
    assert store.messages.beat("ann", replace(NODE)) is Outcome.STOPPED


def test_a_checkpoint_that_waits_for_the_end_does_not_revive_it(store, monkeypatch):
    monkeypatch.setattr(generation, "CHECKPOINT_INTERVAL", 0.01)
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [NODE])
    cancel, late = CancelToken(), threading.Event()
    answer = Generation("ann", "c", NODE, cancel, store.messages)

    class Lock:
        """A lock that the first checkpoint gets after the answer was interrupted and saved."""

        def __enter__(self):
            if threading.current_thread().name == "answer-save":
                answer.interrupt()
                answer.stop()
                wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED)

        def __exit__(self, *_):
            if threading.current_thread().name == "answer-save":
                late.set()

    def produce():
        yield TextDelta("Bec")
        wait_until(lambda: cancel.cancelled)

    monkeypatch.setattr(answer, "_save_lock", Lock())
    answer.start(produce, lambda _: None)
    assert late.wait(60)
    assert store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED
