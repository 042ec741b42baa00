"""Comparisons: all columns start or none, each ends by itself, and an answer can be kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.comparisons import comparison as comparisons
from lib.chat.comparisons.comparison import ColumnChoice
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.usage.limits import LimitEnforcer
from lib.core import errors, tree
from lib.core.comparisons import ColumnRefused, Comparison, Origin
from lib.core.conversation import FilePart, Outcome
from lib.core.events import Event, Finish, TextDelta
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.target import Target
from lib.core.user import User
from lib.storage.store import Store
from tests.unit.chat.services import wait_until

ONE, TWO, THREE = Target("m-one", "openai"), Target("claude-x", "anthropic"), Target("m-three", "openai")
ANN, NOON = User("ann", "Ann"), 1_770_000_000.0


class Models:
    """A gateway whose models answer as a test says: with text, an error, or only once `release` is set."""

    def __init__(self) -> None:
        self.sent: list[tuple[Target, list[str], Params]] = []
        self.errors: dict[str, errors.AnswerError] = {}
        self.release: dict[str, threading.Event] = {}

    def stream(self, target: Target, messages: Any, params: Params, cancel: Any, *_: Any) -> Iterator[Event]:
        self.sent.append((target, [message.text for message in messages], params))
        return self._play(target, cancel)

    def _play(self, target: Target, cancel: Any) -> Iterator[Event]:
        yield TextDelta(f"I am {target.model}.")
        if error := self.errors.get(target.model):
            raise error
        while target.model in self.release and not cancel.cancelled and not self.release[target.model].wait(0.005):
            pass
        yield Finish(Outcome.COMPLETE, "stop")


class Arena:
    """Comparisons of one user."""

    def __init__(self, store: Store, *limits: tuple[str, Limit], models: Sequence[str] | None = None, **options: Any):
        self.gateway, self.store = Models(), store
        scope = ScopePolicy(Limits(**dict(limits)), models)
        enforcer = LimitEnforcer(ANN, Policy({PER_USER_SCOPE: scope}), store.quotas, lambda _: None, lambda: NOON)
        capabilities = {"m-three": Capabilities(image=False, context_window=4000)}
        self.services = TurnServices(
            store,
            self.gateway,  # type: ignore[arg-type]
            GenerationRegistry(),
            limit_enforcer=enforcer,
            capabilities_lookup=lambda model: capabilities.get(model, Capabilities()),
            **options,
        )

    def start(self, *targets: Target, text: str = "Who are you?", **options: Any) -> Comparison:
        choices = [ColumnChoice(target, Params(temperature=index / 2)) for index, target in enumerate(targets)]
        return comparisons.start_comparison(self.services, self.store.comparisons, "ann", text, choices, **options)

    def load(self, comparison: Comparison) -> list[comparisons.ColumnState]:
        return comparisons.load_columns(self.services, "ann", comparison)

    def wait(self, comparison: Comparison) -> list[comparisons.ColumnState]:
        wait_until(lambda: not any(state.generation for state in self.load(comparison)))
        return self.load(comparison)

    def count_rows(self) -> int:
        return len(self.store.comparisons.page("ann", 99)) + self.reserved

    @property
    def reserved(self) -> int:
        return sum(status.used for status in self.services.limit_enforcer.limit_statuses())


@pytest.fixture
def arena(store: Store) -> Arena:
    return Arena(store)


def test_each_column_is_asked_with_its_own_target_and_parameters(arena):
    comparison = arena.start(ONE, TWO, ONE)
    states = arena.wait(comparison)
    assert arena.store.comparisons.get("ann", comparison.id) == comparison
    assert [state.answer.message.text for state in states] == ["I am m-one.", "I am claude-x.", "I am m-one."]
    assert all(texts == ["Who are you?"] for _, texts, _ in arena.gateway.sent)
    sent = sorted((target.model, params.temperature) for target, _, params in arena.gateway.sent)
    assert sent == [("claude-x", 0.5), ("m-one", 0.0), ("m-one", 1.0)]
    assert arena.store.conversations.page("ann", 9) == []


def test_a_column_that_fails_or_is_stopped_does_not_disturb_the_others(arena):
    arena.gateway.errors["m-one"] = errors.Overloaded("Busy", status=529)
    arena.gateway.release = {"claude-x": threading.Event(), "m-three": threading.Event()}
    comparison = arena.start(ONE, TWO, THREE)
    wait_until(lambda: arena.load(comparison)[0].generation is None)
    failed, stopped, running = arena.load(comparison)
    assert failed.answer.failure.code == "overloaded" and stopped.generation and running.generation
    stopped.generation.stop()
    assert arena.load(comparison)[2].generation
    arena.gateway.release["m-three"].set()
    outcomes = [state.answer.outcome for state in arena.wait(comparison)]
    assert outcomes == [Outcome.FAILED, Outcome.STOPPED, Outcome.COMPLETE]
    arena.gateway.errors.clear()
    comparisons.ask_again(arena.services, "ann", comparison.columns[0])
    assert arena.wait(comparison)[0].answer.outcome is Outcome.COMPLETE


def test_a_limit_lets_all_columns_pass_or_none(store):
    arena = Arena(store, ("tokens_day", Limit(hard=6_000)))
    with pytest.raises(errors.LimitExceededError) as refused:
        arena.start(ONE, TWO, text="word " * 1_500)
    # The default answers are reduced to what is usual, and the sum is named.
    assert refused.value.requested > 2 * 1_500 and refused.value.remaining == 6_000
    assert (arena.gateway.sent, arena.count_rows()) == ([], 0)
    arena.wait(arena.start(ONE, TWO))
    assert len(arena.gateway.sent) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"models": ("m-one",)}, errors.ModelNotAllowed),
        ({"max_running_answers": 1}, errors.TooManyAnswers),
    ],
)
def test_nothing_is_sent_if_one_column_is_refused(store, options, error):
    arena = Arena(store, ("tokens_day", Limit(hard=10**6)), **options)
    with pytest.raises(error):
        arena.start(ONE, TWO)
    assert (arena.gateway.sent, arena.count_rows(), len(arena.services.generations)) == ([], 0, 0)


def test_the_refused_target_is_named(arena):
    with pytest.raises(ColumnRefused) as refused:
        arena.start(ONE, THREE, text="word " * 5_000)
    assert refused.value.target == THREE and refused.value.error.code == "context_too_long"
    with pytest.raises(errors.AttachmentNotFound):
        arena.start(ONE, TWO, files=(FilePart("0" * 64, "lost.txt", "text/plain", 1, "text"),))
    assert (arena.gateway.sent, arena.count_rows(), len(arena.services.generations)) == ([], 0, 0)


def test_a_blind_comparison_is_shuffled_and_keeps_its_order(arena, monkeypatch):
    monkeypatch.setattr(comparisons, "_shuffle", lambda columns: columns.reverse())
    comparison = arena.start(ONE, TWO, is_blind=True)
    assert [column.target for column in comparison.columns] == [TWO, ONE]
    assert comparison.is_hidden
    states = arena.wait(arena.store.comparisons.get("ann", comparison.id))
    assert [state.answer.message.text for state in states] == ["I am claude-x.", "I am m-one."]


def test_an_answer_is_kept_as_a_branch_or_as_a_conversation(arena):
    asked = turn.ask(arena.services, "ann", None, "First?", ONE, Params()).conversation
    wait_until(lambda: not arena.services.generations.find("ann", asked.id))
    asked = turn.ask(arena.services, "ann", asked.id, "Who are you?", ONE, Params()).conversation
    wait_until(lambda: not arena.services.generations.find("ann", asked.id))
    question = tree.path(arena.store.messages.nodes("ann", asked.id), asked.head_id)[2]
    origin = Origin(asked.id, question.id)
    comparison = arena.start(TWO, THREE, origin=origin)
    state = arena.wait(comparison)[0]
    assert arena.gateway.sent[-1][1] == ["First?", "I am m-one.", "Who are you?"]
    comparisons.keep_as_branch(arena.services, "ann", origin, state.answer)
    shown = arena.store.conversations.get("ann", asked.id)
    path = tree.path(arena.store.messages.nodes("ann", asked.id), shown.head_id)
    assert path[2] == question and path[3].message.text == "I am claude-x."
    arena.store.comparisons.keep("ann", state.conversation.id)
    assert arena.load(comparison)[0].is_kept and not arena.load(comparison)[1].is_kept
    with pytest.raises(errors.ConversationNotFound):
        comparisons.keep_as_branch(arena.services, "ann", replace(origin, question_id="gone"), state.answer)
    with pytest.raises(errors.ConversationNotFound):
        arena.start(ONE, TWO, origin=Origin("gone", "gone"))


def test_a_model_with_a_name_that_is_no_text_of_a_database_has_its_answer(arena):
    comparison = arena.start(Target("odd\0model\ud800", "openai"), TWO)
    stored = arena.store.comparisons.get("ann", comparison.id)
    assert [state.answer.message.text[:8] for state in arena.wait(stored)] == ["I am odd", "I am cla"]


def test_a_kept_column_goes_on_to_show_an_answer_of_its_target(arena):
    comparison = arena.start(ONE, TWO)
    answer = arena.wait(comparison)[0].answer
    column = comparison.columns[0]
    arena.store.comparisons.keep("ann", column.conversation_id)
    turn.regenerate(arena.services, "ann", column.conversation_id, THREE, Params(), column.question_id)
    wait_until(lambda: not arena.services.generations.find("ann", column.conversation_id))
    assert len(arena.store.messages.nodes("ann", column.conversation_id)) == 3
    assert arena.load(comparison)[0].answer.id == answer.id


def test_deleting_stops_the_running_answers(arena):
    arena.gateway.release = {"m-one": threading.Event()}
    comparison = arena.start(ONE, TWO)
    comparisons.delete_comparison(arena.services, arena.store.comparisons, "ann", comparison)
    assert arena.wait(comparison)[0].answer.outcome is Outcome.STOPPED
    assert arena.store.comparisons.get("ann", comparison.id) is None
    arena.store.conversations.delete("ann", [comparison.columns[1].conversation_id])
    assert arena.load(comparison)[1].conversation is None
