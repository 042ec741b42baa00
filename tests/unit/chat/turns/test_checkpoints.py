"""Checkpoints of an arriving answer: nothing is written again that has not changed."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from lib.chat.turns.checkpoints import CheckpointWriter
from lib.chat.turns.generation import Generation
from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, ImagePart, Message, Node, Outcome, TextPart
from lib.core.errors import StoreError
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
        self.sizes: list[int] = []  # of the changes, -1 for the whole answer

    def save_checkpoints(self, checkpoints):
        outcomes = self._messages.save_checkpoints(checkpoints)
        self.sizes += [item.changes.size if item.changes else -1 for item in checkpoints]
        self.writes += [None if item.is_heartbeat else item.node.message.text for item in checkpoints]
        return outcomes

    def finish(self, owner, node, records, exchange=None):
        return self._messages.finish(owner, node, records)


def start(store, monkeypatch, *events) -> CountedMessages:
    """Produce the events; a threading.Event among them is waited for."""
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
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
    more, end = threading.Event(), threading.Event()
    messages = start(
        store, monkeypatch, ContentPart(IMAGE, 1), more, TextDelta("A cat", 2), end, Finish(Outcome.COMPLETE, "")
    )
    wait_until(lambda: "" in messages.writes and store.messages.node("ann", "a").message.parts == (IMAGE,))
    more.set()
    wait_until(lambda: "A cat" in messages.writes)
    assert messages.sizes[messages.writes.index("A cat")] == len("A cat")
    assert store.messages.node("ann", "a").message.parts == (IMAGE, TextPart("A cat"))
    end.set()
    wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.COMPLETE)
    assert store.messages.node("ann", "a").message.text == "A cat"


def test_a_heartbeat_reports_the_stop_of_another_process(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [NODE])
    assert store.messages.save_checkpoints([Checkpoint("ann", NODE, is_heartbeat=True)])[0] is Outcome.ARRIVING
    assert store.messages.save_checkpoints([Checkpoint("bob", NODE, is_heartbeat=True)])[0] is None
    store.messages.mark_stopped("ann", "a")
    assert store.messages.save_checkpoints([Checkpoint("ann", replace(NODE), is_heartbeat=True)])[0] is Outcome.STOPPED


def test_a_checkpoint_that_waits_for_the_end_does_not_revive_it(store, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [NODE])
    cancel, late = CancelToken(), threading.Event()
    answer = Generation("ann", "c", NODE, cancel, store.messages)

    class Lock:
        """A lock that the first checkpoint gets after the answer was interrupted and saved."""

        def __enter__(self):
            if threading.current_thread().name == "checkpoints":
                answer.interrupt()
                answer.stop()
                wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED)

        def __exit__(self, *_):
            if threading.current_thread().name == "checkpoints":
                late.set()

    def produce():
        yield TextDelta("Bec")
        wait_until(lambda: cancel.cancelled)

    monkeypatch.setattr(answer, "save_lock", Lock())
    answer.start(produce, lambda _: None)
    assert late.wait(60)
    assert store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_every_checkpoint_of_a_long_text_has_what_is_new_and_no_more(store, monkeypatch):
    text, more, end = "word " * 200_000, threading.Event(), threading.Event()
    messages = start(store, monkeypatch, TextDelta(text), more, TextDelta("One"), end, Finish(Outcome.COMPLETE, ""))
    wait_until(lambda: text in messages.writes)
    more.set()
    wait_until(lambda: f"{text}One" in messages.writes)
    assert messages.sizes[messages.writes.index(f"{text}One")] == len("One")
    # A process that dies now has lost nothing of it.
    assert store.messages.mark_stale(-1.0) == 1
    assert store.messages.node("ann", "a").message.text == f"{text}One"
    end.set()
    wait_until(lambda: store.messages.node("ann", "a").outcome is Outcome.COMPLETE)
    assert store.messages.node("ann", "a").message.text == f"{text}One"


class FakeAnswer:
    """A running answer with one checkpoint, which a store may refuse."""

    def __init__(self, store, name):
        self.store, self.save_lock = store, threading.Lock()
        self.node = replace(NODE, id=name)
        self.saved_count, self.is_unsaved = 0, False

    def next_checkpoints(self):
        return [Checkpoint("ann", self.node)]

    def note_saved(self, outcomes):
        assert outcomes == [self.node.id]
        self.saved_count += 1
        self.is_unsaved = False

    def note_unsaved(self):
        self.is_unsaved = True


class FakeStore:
    """A store that refuses some answers; `calls` are the answers that it was asked to save together."""

    def __init__(self, *refused, error=StoreError):
        self.refused, self.error, self.calls = refused, error, []

    def save_checkpoints(self, checkpoints):
        ids = [item.node.id for item in checkpoints]
        self.calls.append(ids)
        if set(ids) & set(self.refused):
            raise self.error("refused")
        return ids


@pytest.fixture
def writer(monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    writer = CheckpointWriter()
    yield writer
    for answer in list(writer._answers):
        writer.remove(answer)
    wait_until(lambda: writer._thread is None)


def test_the_answers_of_a_store_are_saved_together_by_a_thread_that_ends_with_them(writer):
    one, other = FakeStore(), FakeStore()
    answers = [FakeAnswer(store, name) for store, name in ((one, "a"), (one, "b"), (other, "c"))]
    for answer in answers:
        writer.add(answer)
    wait_until(lambda: ["a", "b"] in one.calls and ["c"] in other.calls)
    thread = writer._thread
    for answer in answers:
        writer.remove(answer)
    thread.join(20)
    assert not thread.is_alive()
    writer.add(answers[0])
    count = answers[0].saved_count
    wait_until(lambda: answers[0].saved_count > count)


@pytest.mark.parametrize("error", [StoreError, RuntimeError])
def test_an_answer_that_a_store_refuses_does_not_keep_others_from_being_saved(writer, error):
    store = FakeStore("b", error=error)
    answers = [FakeAnswer(store, name) for name in "abc"]
    for answer in answers:
        writer.add(answer)
    wait_until(lambda: answers[0].saved_count and answers[2].saved_count and answers[1].is_unsaved)
    assert [answer.is_unsaved for answer in answers][1]


def test_a_store_that_is_away_is_not_asked_for_each_answer(monkeypatch):
    store, writer = FakeStore(*"abcdef"), CheckpointWriter()
    answers = [FakeAnswer(store, name) for name in "abcdef"]
    writer._save(answers)
    assert store.calls == [list("abcdef"), ["a"], ["b"]]
    assert all(answer.is_unsaved for answer in answers)
