"""Heartbeats of arriving answers: by the clock of the database, and with a producer that comes back late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.errors import TooManyAnswers
from lib.core.params import Params
from lib.core.question_queue import QueuedQuestion
from lib.core.quota import RunningLimit
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.storage.store import Store

TARGET = Target("m", "openai")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="u")
CONVERSATION = Conversation("c", "Why?", 2.0, "a", TARGET)
MORE = replace(ANSWER, message=Message("assistant", (TextPart("Because"),)))
STALE_AFTER = 60.0  # seconds; far above what a slow machine needs for a statement
TEN_MINUTES = 600.0


class Replica:
    """The messages of a database as a process sees them whose clock is `offset` seconds ahead of the others."""

    def __init__(self, url: str, offset: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = Store(url)
        self._offset = offset
        self._monkeypatch = monkeypatch

    @contextmanager
    def clock(self) -> Iterator[Store]:
        """Set the clock of this process to that of the replica."""
        real_time = time.time
        with self._monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: real_time() + self._offset)
            yield self.store


@pytest.fixture
def open_replica(url, monkeypatch) -> Iterator[Callable[[float], Replica]]:
    replicas: list[Replica] = []

    def open_with(offset: float) -> Replica:
        replicas.append(Replica(url, offset, monkeypatch))
        return replicas[-1]

    yield open_with
    for replica in replicas:
        replica.store.close()


@pytest.fixture
def store(url) -> Iterator[Store]:
    opened = Store(url)
    opened.messages.save_turn("ann", CONVERSATION, [QUESTION, ANSWER])
    yield opened
    opened.close()


@pytest.mark.parametrize("write", ["save_turn", "add", "checkpoint", "heartbeat", "reopen"])
@pytest.mark.parametrize("offset", [-TEN_MINUTES, TEN_MINUTES])
def test_clocks_of_replicas_may_differ_by_minutes(open_replica, write, offset):
    producer, other = open_replica(0.0), open_replica(offset)
    with producer.clock() as store:
        store.messages.save_turn("ann", CONVERSATION, [QUESTION, ANSWER])
        if write == "add":
            store.messages.add("ann", "c", replace(ANSWER, id="b", usage_record_id=""))
        elif write == "reopen":
            store.messages.finish("ann", replace(ANSWER, outcome=Outcome.LENGTH))
            store.messages.reopen("ann", CONVERSATION, ANSWER)
        elif write != "save_turn":
            assert (
                store.messages.save_checkpoints([Checkpoint("ann", MORE, is_heartbeat=write == "heartbeat")])[0]
                is Outcome.ARRIVING
            )
    with other.clock() as store:
        assert store.messages.mark_stale(STALE_AFTER) == 0
        with pytest.raises(TooManyAnswers):
            store.messages.save_turn("ann", CONVERSATION, [], running_limit=RunningLimit(1, STALE_AFTER))


@pytest.mark.parametrize("offset", [-TEN_MINUTES, TEN_MINUTES])
def test_a_producer_without_a_heartbeat_is_found_by_any_clock(store, open_replica, offset):
    with open_replica(offset).clock() as other:
        assert other.messages.mark_stale(-1.0) == 1
    assert store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("save", ["checkpoint", "heartbeat"])
def test_a_producer_whose_saves_have_stalled_gets_its_row_back(store, save):
    assert store.messages.mark_stale(-1.0) == 1
    revision = store.conversations.get("ann", "c").revision
    assert (
        store.messages.save_checkpoints([Checkpoint("ann", MORE, is_heartbeat=save == "heartbeat")])[0]
        is Outcome.ARRIVING
    )
    assert store.messages.node("ann", "a") == (MORE if save == "checkpoint" else ANSWER)
    # Pages that show the end read the row again.
    assert store.conversations.get("ann", "c").revision > revision
    assert store.messages.mark_stale(STALE_AFTER) == 0
    ended = replace(MORE, outcome=Outcome.COMPLETE)
    record = UsageRecord("u", "c", "answer", TARGET, Usage(3, 4), Timing(), Outcome.COMPLETE, "r", 1.0, "a")
    store.messages.finish("ann", ended, [record])
    assert store.messages.node("ann", "a") == ended
    assert store.usage.totals_by_answer("ann", "c")["a"].usage == Usage(3, 4)


def test_a_dead_producer_stays_dead(store):
    assert store.messages.mark_stale(-1.0) == 1
    assert store.messages.mark_stale(-1.0) == 0
    assert store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.COMPLETE])
def test_only_an_interrupted_row_arrives_again(store, outcome):
    if outcome is Outcome.STOPPED:
        store.messages.mark_stopped("ann", "a")
    else:
        store.messages.finish("ann", replace(ANSWER, outcome=outcome))
    assert store.messages.save_checkpoints([Checkpoint("ann", MORE)])[0] is outcome
    assert store.messages.node("ann", "a").message.text == ""


def test_a_row_of_a_later_request_is_not_written(store):
    assert store.messages.mark_stale(-1.0) == 1
    later = replace(MORE, usage_record_id="later")
    store.messages.reopen("ann", CONVERSATION, later)
    late = replace(ANSWER, message=Message("assistant", (TextPart("Late"),)))
    assert store.messages.save_checkpoints([Checkpoint("ann", late)])[0] is None
    assert store.messages.save_checkpoints([Checkpoint("ann", late, is_heartbeat=True)])[0] is None
    store.messages.finish("ann", replace(late, outcome=Outcome.COMPLETE))
    assert store.messages.node("ann", "a") == later


def test_answers_of_this_process_are_not_swept(store):
    assert store.messages.mark_stale(-1.0, ["a"]) == 0
    assert store.messages.mark_stale(-1.0, ["another"]) == 1


@pytest.mark.parametrize("has_gone_on", [False, True])
def test_the_queue_of_a_revived_answer_goes_on_unless_the_user_has(store, has_gone_on):
    question = QueuedQuestion("w", "c", "And?", TARGET, Params(), 3.0, "a", False)
    assert store.queue.add("ann", question)
    store.messages.mark_stale(-1.0)
    assert store.queue.load("ann", "c").pause.reason == Outcome.INTERRUPTED
    if has_gone_on:
        store.messages.set_head("ann", "c", "q")
    store.messages.save_checkpoints([Checkpoint("ann", MORE)])[0]
    pause = store.queue.load("ann", "c").pause
    assert (pause.reason if pause else None) == (Outcome.INTERRUPTED if has_gone_on else None)
