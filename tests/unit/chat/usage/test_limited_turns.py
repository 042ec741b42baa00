"""Turns that are held to limits: before anything is kept or sent, and settled once when they have ended."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.turns import shorten, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import TurnServices
from lib.chat.usage.limits import NO_LIMITS, LimitEnforcer
from lib.core import errors
from lib.core.conversation import Outcome, Truncation, Usage
from lib.core.events import Finish, RetryScheduled, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.quota import current_counter
from lib.core.target import Target
from tests.unit.chat.services import Scripted, settled, until
from tests.unit.chat.usage.limited import ANN, NOON, priced

TARGET, CHEAP = Target("m-one", "openai"), UtilityModel(Target("small", "openai"), 8192)
DONE = [
    TextDelta("Because."),
    UsageReport(Usage(input=1000, output=500)),
    Finish(Outcome.COMPLETE, "stop"),
]
CUT = [TextDelta("Be"), UsageReport(Usage(input=100, output=50)), Finish(Outcome.LENGTH, "length")]
TOOK = 1000 * 1000 + 500 * 4000  # nano-dollars of DONE


def rules(**limits: Limit) -> Policy:
    return Policy({PER_USER_SCOPE: ScopePolicy(Limits(**limits))})


MUCH = rules(
    requests_minute=Limit(hard=100), tokens_day=Limit(hard=10**6), cost_day=Limit(hard=NANOS_PER_DOLLAR)
)


def desk_of(
    store: Any, policy: Policy, *said: Any, keeper: Any = None, cheap: UtilityModel | None = None
) -> TurnServices:
    gateway = Scripted(*said)
    guard = LimitEnforcer(ANN, policy, store.quotas, priced, lambda: NOON)
    aside = UtilityModelService(gateway, keeper or store, priced)
    return TurnServices(keeper or store, gateway, GenerationRegistry(), aside, cheap, priced, guard)


def used(store: Any) -> tuple[int, ...]:
    """The person's requests, tokens and nano-dollars."""
    names = ("requests_minute", "tokens_day", "cost_day")
    counters = [current_counter("person:ann", name, NOON) for name in names]
    found = store.quotas.used("ann", counters)
    return tuple(found[counter] for counter in counters)


def asked(
    desk: TurnServices, talk: str | None = None, target: Target = TARGET, params: Params | None = None
) -> str:
    return turn.ask(desk, "ann", talk, "Why is it so?", target, params or Params()).conversation.id


REFUSED = {
    "requests": (rules(requests_minute=Limit(hard=0)), TARGET, errors.LimitExceededError),
    "tokens": (rules(tokens_month=Limit(hard=1000)), TARGET, errors.LimitExceededError),
    "money": (rules(cost_day=Limit(hard=1000)), TARGET, errors.LimitExceededError),
    "everybody's money": (
        Policy({TEAM_SCOPE: ScopePolicy(Limits(cost_month=Limit(hard=9)))}),
        TARGET,
        errors.LimitExceededError,
    ),
    "a group's": (
        Policy({"group:sales": ScopePolicy(Limits(tokens_day=Limit(hard=9)))}),
        TARGET,
        errors.LimitExceededError,
    ),
    "no price": (
        rules(cost_day=Limit(hard=NANOS_PER_DOLLAR)),
        Target("unpriced", "openai"),
        errors.PriceUnknown,
    ),
    "the model": (
        Policy({PER_USER_SCOPE: ScopePolicy(model_patterns=("n-*",))}),
        TARGET,
        errors.ModelNotAllowed,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_neither_kept_nor_sent(store, case):
    policy, target, why = REFUSED[case]
    desk = desk_of(store, policy)
    with pytest.raises(why):
        asked(desk, target=target)
    assert store.conversations.page("ann", 9) == []
    open_ = replace(desk, limit_enforcer=NO_LIMITS, gateway=Scripted(CUT, DONE))
    talk = asked(open_, target=target)
    before = settled(open_, talk)
    for again in (
        lambda: asked(desk, talk, target),
        lambda: turn.regenerate(desk, "ann", talk, target, Params()),
        lambda: turn.continue_answer(desk, "ann", talk, before[-1].id, Params()),
    ):
        with pytest.raises(why):
            again()
        assert store.messages.nodes("ann", talk) == before
    assert desk.gateway.sent == []
    # The place is free for who may go on.
    asked(open_, talk)
    assert settled(open_, talk)[-1].outcome is Outcome.COMPLETE


def test_who_has_no_limits_needs_no_counting(store):
    class Away:
        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"asked to {name}")

    desk = replace(
        desk_of(store, Policy(), DONE), limit_enforcer=LimitEnforcer(ANN, Policy(), Away(), priced)
    )
    assert settled(desk, asked(desk))[-1].outcome is Outcome.COMPLETE
    assert desk.limit_enforcer.limit_statuses() == desk.limit_enforcer.warnings() == []


def test_an_answer_takes_what_it_took_and_no_more(store):
    desk = desk_of(store, MUCH, DONE, CUT, DONE)
    talk = asked(desk)
    settled(desk, talk)
    assert used(store) == (1, 1500, TOOK)
    turn.regenerate(desk, "ann", talk, TARGET, Params())
    cut = settled(desk, talk)[-1]
    assert used(store) == (2, 1650, TOOK + 100 * 1000 + 50 * 4000)
    turn.continue_answer(desk, "ann", talk, cut.id, Params())
    assert settled(desk, talk)[-1].outcome is Outcome.COMPLETE
    assert used(store) == (3, 3150, 2 * TOOK + 300_000)
    assert sum(row.cost for row in store.usage.records("ann", talk)) == 2 * TOOK + 300_000


def test_while_it_arrives_it_is_reserved(store):
    going = threading.Event()
    desk = desk_of(store, MUCH, [going, *DONE])
    talk = asked(desk, params=Params(max_tokens=700, n=2))
    requests, tokens, cost = used(store)
    assert requests == 1
    assert 2 * 700 < tokens < 2 * 700 + 200
    assert 4000 * 2 * 700 < cost < 4000 * 2 * 700 + 200_000
    going.set()
    settled(desk, talk)
    assert used(store) == (1, 1500, TOOK)


def test_the_alternatives_of_one_request_are_settled_once(store):
    both = [TextDelta("One"), TextDelta("Two", choice=1), *DONE[1:]]
    desk = desk_of(store, MUCH, both)
    settled(desk, asked(desk, params=Params(n=2)))
    assert used(store) == (1, 1500, TOOK)


ENDS = {
    "refused": ([errors.Overloaded("busy")], (1, 0, 0)),
    "failed": ([TextDelta("Be"), errors.StreamError("no")], None),
    "cut": ([TextDelta("Be"), errors.StreamInterrupted()], None),
    "said no tokens": ([TextDelta("Be"), Finish(Outcome.COMPLETE, "stop")], None),
    "tried again": ([RetryScheduled(0.0, 1, 2, "overloaded"), *DONE], (2, 1500, TOOK)),
}


@pytest.mark.parametrize("end", ENDS)
def test_however_it_ends_nothing_stays_reserved_but_what_is_unknown(store, end):
    said, taken = ENDS[end]
    going = threading.Event()
    desk = desk_of(store, MUCH, [going, *said])
    talk = asked(desk)
    reserved = used(store)
    going.set()
    settled(desk, talk)
    assert used(store) == (taken or reserved)
    desk.limit_enforcer.release(store.usage.records("ann", talk)[0].id.partition(".")[0])
    assert used(store) == (taken or reserved)


@pytest.mark.parametrize("how", ["stopped", "interrupted"])
def test_what_was_stopped_is_counted_as_it_was_reserved(store, how):
    desk = desk_of(store, MUCH, [TextDelta("Be"), threading.Event()])
    talk = asked(desk)
    reserved, answer = used(store), desk.generations.find("ann", talk)
    until(lambda: answer.wait(-1, 0).node.message.text)
    if how == "interrupted":
        answer.interrupt()
    answer.stop()
    settled(desk, talk)
    assert used(store) == reserved
    assert store.usage.records("ann", talk)[0].cost is None


def test_what_could_not_be_kept_is_given_back(store, monkeypatch):
    desk = desk_of(store, MUCH, DONE)

    def refuse(*_: Any) -> None:
        raise errors.StoreError("disk full")

    with monkeypatch.context() as away, pytest.raises(errors.StoreError):
        away.setattr(store.messages, "save_turn", refuse)
        asked(desk)
    assert used(store) == (0, 0, 0)
    # Not even that: it stays counted.
    with monkeypatch.context() as away, pytest.raises(errors.StoreError, match="disk full"):
        away.setattr(store.messages, "save_turn", refuse)
        away.setattr(store.quotas, "release", refuse)
        asked(desk)
    assert used(store)[0] == 1
    assert desk.gateway.sent == []


def test_a_temporary_chat_counts(store):
    scratch = TemporaryStore("ann", store.usage)
    desk = desk_of(store, MUCH, [RetryScheduled(0.0, 1, 2, "cut"), *DONE], keeper=scratch)
    settled(desk, asked(desk))
    assert used(store) == (2, 1500, TOOK)
    with pytest.raises(errors.LimitExceededError):
        asked(
            replace(
                desk,
                limit_enforcer=LimitEnforcer(
                    ANN, rules(tokens_day=Limit(hard=1600)), store.quotas, priced, lambda: NOON
                ),
            )
        )


def at_rest() -> None:
    until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))


def test_a_title_counts_and_is_not_made_where_the_limit_is_reached(store):
    # The cheap model is not the person's choice: the rules about models are not about it.
    policy = Policy(
        {PER_USER_SCOPE: ScopePolicy(MUCH.scopes[PER_USER_SCOPE].limits, model_patterns=("m-*",))}
    )
    titled = [TextDelta("A title"), *DONE[1:]]
    desk = desk_of(store, policy, titled, titled, cheap=CHEAP)
    talk = asked(desk)
    settled(desk, talk)
    at_rest()
    assert store.conversations.get("ann", talk).title_source == "model"
    assert used(store) == (2, 3000, 2 * TOOK)
    desk = desk_of(store, rules(requests_minute=Limit(hard=3)), DONE, cheap=CHEAP)
    talk = asked(desk)
    assert settled(desk, talk)[-1].outcome is Outcome.COMPLETE
    at_rest()
    assert store.conversations.get("ann", talk).title_source == "question"
    assert used(store)[0] == 3
    assert len(desk.gateway.sent) == 1


def test_a_summary_counts_and_fails_where_the_limit_is_reached(store):
    desk = desk_of(store, MUCH, *[DONE] * 3)
    talk = asked(desk)
    for _ in range(2):
        path = settled(desk, talk)
        asked(desk, talk)
    path, before = settled(desk, talk), used(store)
    cheap = desk_of(store, MUCH, DONE, cheap=CHEAP)
    kept = store.conversations.get("ann", talk)
    job = shorten.summarise_dropped(
        cheap, "ann", kept, path, Truncation(path[4].id), in_new_conversation=False
    )
    until(lambda: job.state != "running")
    assert job.state == "done"
    assert used(store) == (before[0] + 1, before[1] + 1500, before[2] + TOOK)
    tight = desk_of(store, rules(cost_day=Limit(hard=4 * TOOK + 1000)), cheap=CHEAP)
    job = shorten.summarise_dropped(
        tight, "ann", kept, path, Truncation(path[4].id), in_new_conversation=False
    )
    until(lambda: job.state != "running")
    assert (job.state, job.error_code) == ("failed", "over_limit")
    assert tight.gateway.sent == []
