"""Generation of an answer in a worker: followed, stopped, saved, with exactly one outcome."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lib.chat.turns import generation, registry, remote_generation
from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core import errors
from lib.core.checkpoints import Arrival, ArrivalState
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart
from lib.core.events import Event, Finish, Heartbeat, Restart, TextDelta, ThinkingDelta
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken

NODE = Node("a", "q", Message("assistant", ()), 1.0, Outcome.ARRIVING, target=Target("m", "openai"))
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 0.0)
DONE = Finish(Outcome.COMPLETE, "stop")
WAIT = 20.0


@pytest.fixture
def store_with_turn(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [QUESTION, NODE])
    return store


class RunningGeneration:
    """A running generation, its cancel token, and an event for the end of its worker."""

    def __init__(self, messages, produce: Callable[[CancelToken], Iterator[Event]]) -> None:
        self.cancel = CancelToken()
        self.answer = Generation("ann", "c", NODE, self.cancel, messages)
        self.worker_ended = threading.Event()
        self.answer.start(lambda: produce(self.cancel), lambda _: self.worker_ended.set())

    def wait_for_end(self) -> Node:
        snapshot = self.answer.wait(-1, 0)
        deadline = time.monotonic() + WAIT
        while not snapshot.is_finished and time.monotonic() < deadline:
            snapshot = self.answer.wait(snapshot.version, 1.0)
        assert self.worker_ended.wait(WAIT)
        return snapshot.node


def scripted(*events: Event, error: BaseException | None = None) -> Callable[[CancelToken], Iterator[Event]]:
    def produce(_: CancelToken) -> Iterator[Event]:
        yield from events
        if error:
            raise error

    return produce


def blocking(cancel: CancelToken) -> Iterator[Event]:
    yield TextDelta("So far")
    while not cancel.cancelled:
        time.sleep(0.01)


ENDINGS = {
    "complete": (scripted(TextDelta("Because."), DONE), Outcome.COMPLETE, "Because.", None),
    "length": (scripted(TextDelta("Bec"), Finish(Outcome.LENGTH, "length")), Outcome.LENGTH, "Bec", None),
    "empty": (scripted(DONE), Outcome.EMPTY, "", None),
    "blank": (scripted(TextDelta(" \n"), DONE), Outcome.EMPTY, " \n", None),
    "interrupted": (
        scripted(TextDelta("Bec"), error=errors.StreamInterrupted()),
        Outcome.INTERRUPTED,
        "Bec",
        "cut",
    ),
    "no finish": (scripted(TextDelta("Bec")), Outcome.INTERRUPTED, "Bec", None),
    "failed": (
        scripted(TextDelta("Bec"), error=errors.Overloaded("Busy", status=529)),
        Outcome.FAILED,
        "Bec",
        "overloaded",
    ),
    "internal error": (
        scripted(TextDelta("Bec"), error=ZeroDivisionError()),
        Outcome.FAILED,
        "Bec",
        "unexpected",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_outcome_is_reported_and_saved_with_the_text(store_with_turn, ending):
    produce, outcome, text, code = ENDINGS[ending]
    node = RunningGeneration(store_with_turn.messages, produce).wait_for_end()
    assert (node.outcome, node.message.text) == (outcome, text)
    assert (node.failure.code if node.failure else None) == code
    assert store_with_turn.messages.node("ann", "a") == node


def test_an_answer_that_is_saved_after_it_was_seen_is_read(store_with_turn, monkeypatch):
    may_save, finish = threading.Event(), store_with_turn.messages.finish
    monkeypatch.setattr(store_with_turn.messages, "finish", lambda *args: may_save.wait(WAIT) and finish(*args))
    produced = RunningGeneration(store_with_turn.messages, scripted(TextDelta("Because."), DONE))
    while not produced.answer.wait(0, 1.0).is_finished:
        pass

    def mark_read() -> None:
        store_with_turn.conversations.mark_read("ann", "c")

    produced.answer.call_when_saved(mark_read)
    may_save.set()
    produced.wait_for_end()
    assert not store_with_turn.conversations.get("ann", "c").unread
    store_with_turn.messages.finish("ann", replace(NODE, outcome=Outcome.COMPLETE))
    assert store_with_turn.conversations.get("ann", "c").unread
    produced.answer.call_when_saved(mark_read)
    assert not store_with_turn.conversations.get("ann", "c").unread


def test_a_stop_ends_the_answer_at_once_and_preserves_the_text(store_with_turn):
    produced = RunningGeneration(store_with_turn.messages, blocking)
    while not produced.answer.wait(0, 1.0).node.message.text:
        pass
    produced.answer.stop()
    assert produced.answer.wait(-1, 0).is_finished
    node = produced.wait_for_end()
    assert (node.outcome, node.message.text, node.failure) == (Outcome.STOPPED, "So far", None)
    assert store_with_turn.messages.node("ann", "a") == node


def test_a_stop_does_not_wait_for_a_blocked_worker(store_with_turn):
    release = threading.Event()

    def produce(_: CancelToken) -> Iterator[Event]:
        yield TextDelta("So far")
        release.wait(WAIT)
        yield TextDelta(" and too late")
        yield DONE

    produced = RunningGeneration(store_with_turn.messages, produce)
    produced.answer.wait(0, 5.0)
    produced.answer.stop()
    assert produced.answer.wait(-1, 0).is_finished
    release.set()
    node = produced.wait_for_end()
    assert (node.outcome, node.message.text) == (Outcome.STOPPED, "So far")
    assert store_with_turn.messages.node("ann", "a") == node


def test_a_stop_after_the_finish_event_leaves_a_complete_answer(store_with_turn):
    def produce(cancel: CancelToken) -> Iterator[Event]:
        yield TextDelta("Because.")
        yield DONE
        cancel.cancel()

    assert RunningGeneration(store_with_turn.messages, produce).wait_for_end().outcome is Outcome.COMPLETE


def test_an_error_caused_by_a_stop_counts_as_stopped(store_with_turn):
    def produce(cancel: CancelToken) -> Iterator[Event]:
        yield TextDelta("Bec")
        cancel.cancel()
        raise errors.GatewayUnreachable("broken pipe")

    assert RunningGeneration(store_with_turn.messages, produce).wait_for_end().outcome is Outcome.STOPPED


def test_text_is_saved_while_it_arrives(store_with_turn):
    produced = RunningGeneration(store_with_turn.messages, blocking)
    deadline = time.monotonic() + WAIT
    while store_with_turn.messages.node("ann", "a").message.text != "So far":
        assert time.monotonic() < deadline, "never saved"
        time.sleep(0.05)
    assert store_with_turn.messages.node("ann", "a").outcome is Outcome.ARRIVING
    assert store_with_turn.messages.mark_stale(generation.STALE_AFTER) == 0
    produced.answer.stop()
    produced.wait_for_end()


def test_timing_has_first_token_first_text_and_total(store_with_turn):
    timing = (
        RunningGeneration(store_with_turn.messages, scripted(ThinkingDelta("Hm."), TextDelta("So."), DONE))
        .wait_for_end()
        .timing
    )
    assert 0 <= timing.first_token <= timing.first_text <= timing.total


def test_thinking_without_text_is_known_until_a_restart(store_with_turn):
    steps = {name: threading.Event() for name in ("think", "restart", "end")}

    def produce(_: CancelToken) -> Iterator[Event]:
        yield Heartbeat()
        steps["think"].wait(WAIT)
        yield Heartbeat(is_thinking=True)
        yield Heartbeat()
        steps["restart"].wait(WAIT)
        yield Restart()
        steps["end"].wait(WAIT)
        yield from (TextDelta("4"), DONE)

    running = RunningGeneration(store_with_turn.messages, produce)

    def wait_for(has_thought: bool) -> None:
        deadline = time.monotonic() + WAIT
        while running.answer.wait(-1, 0).has_thought != has_thought:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    assert not running.answer.wait(-1, 0).has_thought
    steps["think"].set()
    wait_for(True)
    assert running.answer.wait(-1, 0).node.message == Message("assistant", ())
    steps["restart"].set()
    wait_for(False)
    steps["end"].set()
    assert running.wait_for_end().outcome is Outcome.COMPLETE


def test_followers_see_the_same_growing_text(store_with_turn):
    release = threading.Event()

    def produce(_: CancelToken) -> Iterator[Event]:
        release.wait(WAIT)
        for number in range(200):
            yield TextDelta(f"{number} ")
        yield DONE

    produced = RunningGeneration(store_with_turn.messages, produce)
    seen: list[list[str]] = [[], []]

    def follow(index: int) -> None:
        snapshot = produced.answer.wait(-1, 0)
        seen[index].append(snapshot.node.message.text)
        while not snapshot.is_finished:
            snapshot = produced.answer.wait(snapshot.version, 1.0)
            seen[index].append(snapshot.node.message.text)

    followers = [threading.Thread(target=follow, args=(index,)) for index in range(2)]
    for follower in followers:
        follower.start()
    release.set()
    for follower in followers:
        follower.join(WAIT)
    full_text = "".join(f"{number} " for number in range(200))
    for texts in seen:
        assert texts[-1] == full_text
        assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))


class FailingMessages:
    """A message store whose first `refusals` writes fail, as with a full disk."""

    def __init__(self, store, refusals: int) -> None:
        self._store = store
        self.refusals = refusals

    def save_checkpoints(self, checkpoints):
        return self._try(self._store.save_checkpoints, checkpoints)

    def finish(self, owner, node, records, exchange=None):
        return self._try(self._store.finish, owner, node, records)

    def _try(self, write, *args):
        if self.refusals:
            self.refusals -= 1
            raise errors.StoreError("disk full")
        return write(*args)


def test_a_recovered_database_has_the_full_answer(store_with_turn, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.generation.FIRST_SAVE_BACKOFF", 0.01)
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    node = RunningGeneration(
        FailingMessages(store_with_turn.messages, 3), scripted(TextDelta("Because."), DONE)
    ).wait_for_end()
    assert store_with_turn.messages.node("ann", "a") == node


def test_a_full_disk_is_reported_while_the_answer_continues(store_with_turn, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    produced = RunningGeneration(FailingMessages(store_with_turn.messages, 10**6), blocking)
    deadline = time.monotonic() + WAIT
    while not produced.answer.wait(-1, 0).is_unsaved:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    produced.answer.store.refusals = 0
    produced.answer.stop()
    assert produced.wait_for_end().message.text == "So far"
    assert not produced.answer.wait(-1, 0).is_unsaved


def test_the_registry_holds_one_generation_per_conversation_and_checks_the_owner(store_with_turn):
    generations = GenerationRegistry()
    first = Generation("ann", "c", NODE, CancelToken(), store_with_turn.messages)
    with generations.claim_turn("c"):
        with pytest.raises(errors.TurnInProgress), generations.claim_turn("c"):
            pass
        generations.register(first)
    assert generations.find("ann", "c") is first
    assert generations.find("bob", "c") is None
    with pytest.raises(errors.TurnInProgress), generations.claim_turn("c"):
        pass
    generations.unregister(first)
    assert generations.find("ann", "c") is None


def test_a_failed_turn_releases_its_claim(store_with_turn):
    generations = GenerationRegistry()
    for is_registered in (False, True):
        with pytest.raises(errors.StoreError), generations.claim_turn("c"):
            if is_registered:
                generations.register(Generation("ann", "c", NODE, CancelToken(), store_with_turn.messages))
            raise errors.StoreError
        with generations.claim_turn("c"):
            pass


def test_an_answer_of_another_process_is_followed_through_the_store(store_with_turn):
    remote = RemoteGeneration("ann", "c", NODE, store_with_turn.messages)
    assert not remote.wait(-1, 0.0).is_finished
    produced = RunningGeneration(store_with_turn.messages, scripted(TextDelta("Because."), DONE))
    ended = produced.wait_for_end()
    snapshot = remote.wait(0, 0.01)
    assert snapshot.is_finished
    assert snapshot.node == ended


def test_an_answer_of_a_dead_process_is_interrupted(store_with_turn, monkeypatch):
    monkeypatch.setattr(remote_generation, "STALE_AFTER", -1.0)
    snapshot = RemoteGeneration("ann", "c", NODE, store_with_turn.messages).wait(0, 0.01)
    assert snapshot.node.outcome is Outcome.INTERRUPTED


def test_a_remote_stop_does_not_change_a_finished_answer(store_with_turn):
    node = RunningGeneration(store_with_turn.messages, scripted(TextDelta("Because."), DONE)).wait_for_end()
    RemoteGeneration("ann", "c", NODE, store_with_turn.messages).stop()
    assert store_with_turn.messages.node("ann", "a") == node


def test_a_remote_stop_ends_an_answer_of_another_process(store_with_turn, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    produced = RunningGeneration(store_with_turn.messages, blocking)
    RemoteGeneration("ann", "c", NODE, store_with_turn.messages).stop()
    assert produced.wait_for_end().outcome is Outcome.STOPPED


class CountedStore:
    """A store of one arriving answer that counts what it is asked."""

    def __init__(self):
        self.node_value = NODE
        self.calls = Counter()

    def arrival(self, _, __, state):
        self.calls["arrival"] += 1
        now = ArrivalState(self.node_value.outcome, "u", len(self.node_value.message.text))
        if now == state:
            return Arrival(now)
        self.calls["node"] += 1
        return Arrival(now, node=self.node_value)

    def mark_stale(self, *_):
        self.calls["sweep"] += 1

    def mark_stopped(self, *_):
        self.node_value = replace(self.node_value, outcome=Outcome.STOPPED)


def test_pages_that_follow_an_answer_of_another_process_ask_for_little(monkeypatch):
    clock = [100.0]

    def sleep(seconds):
        clock[0] += seconds

    for module in (registry, remote_generation):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    store, generations = CountedStore(), GenerationRegistry()
    pages = [RemoteGeneration("ann", "c", NODE, store, generations.sweep) for _ in range(2)]
    texts = []
    for step in range(100):
        if step % 10 == 0:
            store.node_value = replace(NODE, message=Message("assistant", (TextPart("x" * step),)))
        for page in pages:
            texts.append(page.wait(page._version, 0.1).node.message.text)
    seconds = clock[0] - 100.0
    assert seconds > 10.0
    assert store.calls["arrival"] <= 2 * (seconds / remote_generation.POLL_INTERVAL + 1)
    assert store.calls["node"] <= 2 * 12
    assert store.calls["sweep"] <= seconds / registry.SWEEP_INTERVAL + 1
    assert texts[-1] == "x" * 90
    pages[0].stop()
    assert pages[0].wait(pages[0]._version, 0.1).is_finished
