"""An answer goes on by itself, is followed, stopped and kept, and ends in exactly one outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lib.chat.turns import generation as module
from lib.chat.turns import registry as registry
from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import GenerationRegistry, RemoteGeneration
from lib.core import errors
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart
from lib.core.events import Event, Finish, TextDelta, ThinkingDelta
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken

NODE = Node("a", "q", Message("assistant", ()), 1.0, Outcome.ARRIVING, target=Target("m", "openai"))
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 0.0)
DONE = Finish(Outcome.COMPLETE, "stop")
WAIT = 20.0


@pytest.fixture
def kept(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0, "a", NODE.target), [QUESTION, NODE])
    return store


class Produced:
    """An answer under way, its cancel, and what tells that it is settled."""

    def __init__(self, messages, produce: Callable[[CancelToken], Iterator[Event]]) -> None:
        self.cancel = CancelToken()
        self.answer = Generation("ann", "c", NODE, self.cancel, messages)
        self.settled = threading.Event()
        self.answer.start(lambda: produce(self.cancel), lambda _: self.settled.set())

    def end(self) -> Node:
        snapshot = self.answer.wait(-1, 0)
        deadline = time.monotonic() + WAIT
        while not snapshot.is_finished and time.monotonic() < deadline:
            snapshot = self.answer.wait(snapshot.version, 1.0)
        assert self.settled.wait(WAIT)
        return snapshot.node


def says(*events: Event, then: BaseException | None = None) -> Callable[[CancelToken], Iterator[Event]]:
    def produce(_: CancelToken) -> Iterator[Event]:
        yield from events
        if then:
            raise then

    return produce


def silent(cancel: CancelToken) -> Iterator[Event]:
    yield TextDelta("So far")
    while not cancel.cancelled:
        time.sleep(0.01)


ENDINGS = {
    "complete": (says(TextDelta("Because."), DONE), Outcome.COMPLETE, "Because.", None),
    "length": (says(TextDelta("Bec"), Finish(Outcome.LENGTH, "length")), Outcome.LENGTH, "Bec", None),
    "empty": (says(DONE), Outcome.EMPTY, "", None),
    "blank": (says(TextDelta(" \n"), DONE), Outcome.EMPTY, " \n", None),
    "cut": (says(TextDelta("Bec"), then=errors.StreamInterrupted()), Outcome.INTERRUPTED, "Bec", "cut"),
    "quiet": (says(TextDelta("Bec")), Outcome.INTERRUPTED, "Bec", None),
    "failed": (
        says(TextDelta("Bec"), then=errors.Overloaded("Busy", status=529)),
        Outcome.FAILED,
        "Bec",
        "overloaded",
    ),
    "a fault of ours": (
        says(TextDelta("Bec"), then=ZeroDivisionError()),
        Outcome.FAILED,
        "Bec",
        "unexpected",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_told_kept_and_loses_no_text(kept, ending):
    produce, outcome, text, code = ENDINGS[ending]
    node = Produced(kept.messages, produce).end()
    assert (node.outcome, node.message.text) == (outcome, text)
    assert (node.failure.code if node.failure else None) == code
    assert kept.messages.node("ann", "a") == node


def test_a_stop_ends_it_at_once_keeps_the_text_and_is_no_failure(kept):
    produced = Produced(kept.messages, silent)
    while not produced.answer.wait(0, 1.0).node.message.text:
        pass
    produced.answer.stop()
    assert produced.answer.wait(-1, 0).is_finished
    node = produced.end()
    assert (node.outcome, node.message.text, node.failure) == (Outcome.STOPPED, "So far", None)
    assert kept.messages.node("ann", "a") == node


def test_a_stop_does_not_wait_for_a_worker_that_is_stuck(kept):
    stuck = threading.Event()

    def produce(_: CancelToken) -> Iterator[Event]:
        yield TextDelta("So far")
        stuck.wait(WAIT)
        yield TextDelta(" and too late")
        yield DONE

    produced = Produced(kept.messages, produce)
    produced.answer.wait(0, 5.0)
    produced.answer.stop()
    assert produced.answer.wait(-1, 0).is_finished
    stuck.set()
    node = produced.end()
    assert (node.outcome, node.message.text) == (Outcome.STOPPED, "So far")
    assert kept.messages.node("ann", "a") == node


def test_a_stop_after_the_last_word_leaves_a_complete_answer(kept):
    def produce(cancel: CancelToken) -> Iterator[Event]:
        yield TextDelta("Because.")
        yield DONE
        cancel.cancel()

    assert Produced(kept.messages, produce).end().outcome is Outcome.COMPLETE


def test_an_error_that_a_stop_causes_is_still_a_stop(kept):
    def produce(cancel: CancelToken) -> Iterator[Event]:
        yield TextDelta("Bec")
        cancel.cancel()
        raise errors.GatewayUnreachable("broken pipe")

    assert Produced(kept.messages, produce).end().outcome is Outcome.STOPPED


def test_what_has_come_is_saved_while_it_comes(kept):
    produced = Produced(kept.messages, silent)
    deadline = time.monotonic() + WAIT
    while kept.messages.node("ann", "a").message.text != "So far":
        assert time.monotonic() < deadline, "never saved"
        time.sleep(0.05)
    assert kept.messages.node("ann", "a").outcome is Outcome.ARRIVING
    assert kept.messages.mark_stale(module.STALE_AFTER) == 0
    produced.answer.stop()
    produced.end()


def test_the_clock_tells_first_token_first_word_and_end(kept):
    timing = Produced(kept.messages, says(ThinkingDelta("Hm."), TextDelta("So."), DONE)).end().timing
    assert 0 <= timing.first_token <= timing.first_text <= timing.total


def test_followers_see_the_same_growing_text(kept):
    go = threading.Event()

    def produce(_: CancelToken) -> Iterator[Event]:
        go.wait(WAIT)
        for number in range(200):
            yield TextDelta(f"{number} ")
        yield DONE

    produced = Produced(kept.messages, produce)
    seen: list[list[str]] = [[], []]

    def follow(place: int) -> None:
        snapshot = produced.answer.wait(-1, 0)
        while not snapshot.is_finished:
            snapshot = produced.answer.wait(snapshot.version, 1.0)
            seen[place].append(snapshot.node.message.text)

    followers = [threading.Thread(target=follow, args=(place,)) for place in range(2)]
    for follower in followers:
        follower.start()
    go.set()
    for follower in followers:
        follower.join(WAIT)
    whole = "".join(f"{number} " for number in range(200))
    for texts in seen:
        assert texts[-1] == whole
        assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))


class Failing:
    """A store whose first `refusals` writes are refused, as when a disk is full for a while."""

    def __init__(self, store, refusals: int) -> None:
        self._store = store
        self.refusals = refusals

    def checkpoint(self, owner, node):
        return self._try(self._store.checkpoint, owner, node)

    def finish(self, owner, node, spends):
        return self._try(self._store.finish, owner, node, spends)

    def _try(self, write, owner, *what):
        if self.refusals:
            self.refusals -= 1
            raise errors.StoreError("disk full")
        return write(owner, *what)


def test_a_database_that_comes_back_has_the_whole_answer(kept, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    node = Produced(Failing(kept.messages, 3), says(TextDelta("Because."), DONE)).end()
    assert kept.messages.node("ann", "a") == node


def test_a_full_disk_is_told_while_the_answer_goes_on(kept, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    produced = Produced(Failing(kept.messages, 10**6), silent)
    deadline = time.monotonic() + WAIT
    while not produced.answer.wait(-1, 0).is_unsaved:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    produced.answer._store.refusals = 0
    produced.answer.stop()
    assert produced.end().message.text == "So far"
    assert not produced.answer.wait(-1, 0).is_unsaved


def test_the_registry_holds_one_answer_a_conversation_and_hides_it_from_others(kept):
    answers = GenerationRegistry()
    first = Generation("ann", "c", NODE, CancelToken(), kept.messages)
    with answers.claim_turn("c"):
        with pytest.raises(errors.TurnInProgress), answers.claim_turn("c"):
            pass
        answers.register(first)
    assert answers.find("ann", "c") is first
    assert answers.find("bob", "c") is None
    with pytest.raises(errors.TurnInProgress), answers.claim_turn("c"):
        pass
    answers.unregister(first)
    assert answers.find("ann", "c") is None


def test_a_turn_that_fails_gives_its_place_up(kept):
    answers = GenerationRegistry()
    for put in (False, True):
        with pytest.raises(errors.StoreError), answers.claim_turn("c"):
            if put:
                answers.register(Generation("ann", "c", NODE, CancelToken(), kept.messages))
            raise errors.StoreError
        with answers.claim_turn("c"):
            pass


def test_an_answer_of_another_process_is_followed_through_the_store(kept):
    there = RemoteGeneration("ann", "c", NODE, kept.messages)
    assert not there.wait(-1, 0.0).is_finished
    produced = Produced(kept.messages, says(TextDelta("Because."), DONE))
    ended = produced.end()
    snapshot = there.wait(0, 0.01)
    assert snapshot.is_finished
    assert snapshot.node == ended


def test_an_answer_of_a_dead_process_ends_as_interrupted(kept, monkeypatch):
    monkeypatch.setattr(registry, "STALE_AFTER", -1.0)
    snapshot = RemoteGeneration("ann", "c", NODE, kept.messages).wait(0, 0.01)
    assert snapshot.node.outcome is Outcome.INTERRUPTED


def test_a_stop_from_afar_leaves_an_ended_answer_as_it_is(kept):
    node = Produced(kept.messages, says(TextDelta("Because."), DONE)).end()
    RemoteGeneration("ann", "c", NODE, kept.messages).stop()
    assert kept.messages.node("ann", "a") == node


def test_a_stop_reaches_an_answer_of_another_process(kept, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0.01)
    produced = Produced(kept.messages, silent)
    RemoteGeneration("ann", "c", NODE, kept.messages).stop()
    assert produced.end().outcome is Outcome.STOPPED
