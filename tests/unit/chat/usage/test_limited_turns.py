"""Turns that are held to limits: before anything is kept or sent, and settled once when they have ended."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.turns import shorten, turn
from lib.chat.turns.registry import Answers
from lib.chat.turns.summaries import Aside, Cheap
from lib.chat.turns.temporary import Scratch
from lib.chat.turns.turn import Desk
from lib.chat.usage.limits import FREE, Guard
from lib.core import errors
from lib.core.conversation import Outcome, Usage, Window
from lib.core.params import Params
from lib.core.policy import ALL, EACH, Bound, Limits, Policy, Rule
from lib.core.pricing import NANO
from lib.core.quota import current
from lib.core.reply import Finish, TextDelta, UsageReport, Waiting
from lib.core.target import Target
from tests.unit.chat.services import Scripted, settled, until
from tests.unit.chat.usage.limited import ANN, NOON, priced

TARGET, CHEAP = Target("m-one", "openai"), Cheap(Target("small", "openai"), 8192)
DONE = [
    TextDelta("Because."),
    UsageReport(Usage(input=1000, output=500)),
    Finish(Outcome.COMPLETE, "stop"),
]
CUT = [TextDelta("Be"), UsageReport(Usage(input=100, output=50)), Finish(Outcome.LENGTH, "length")]
TOOK = 1000 * 1000 + 500 * 4000  # nano-dollars of DONE


def rules(**limits: Bound) -> Policy:
    return Policy({EACH: Rule(Limits(**limits))})


MUCH = rules(requests_minute=Bound(hard=100), tokens_day=Bound(hard=10**6), cost_day=Bound(hard=NANO))


def desk_of(store: Any, policy: Policy, *said: Any, keeper: Any = None, cheap: Cheap | None = None) -> Desk:
    gateway = Scripted(*said)
    guard = Guard(ANN, policy, store, priced, lambda: NOON)
    aside = Aside(gateway, keeper or store, priced)
    return Desk(keeper or store, gateway, Answers(), aside, cheap, priced, guard)


def used(store: Any) -> tuple[int, ...]:
    """The person's requests, tokens and nano-dollars."""
    names = ("requests_minute", "tokens_day", "cost_day")
    counters = [current("person:ann", name, NOON) for name in names]
    found = store.used("ann", counters)
    return tuple(found[counter] for counter in counters)


def asked(desk: Desk, talk: str | None = None, target: Target = TARGET, params: Params | None = None) -> str:
    return turn.ask(desk, "ann", talk, "Why is it so?", target, params or Params()).conversation.id


REFUSED = {
    "requests": (rules(requests_minute=Bound(hard=0)), TARGET, errors.OverLimit),
    "tokens": (rules(tokens_month=Bound(hard=1000)), TARGET, errors.OverLimit),
    "money": (rules(cost_day=Bound(hard=1000)), TARGET, errors.OverLimit),
    "everybody's money": (Policy({ALL: Rule(Limits(cost_month=Bound(hard=9)))}), TARGET, errors.OverLimit),
    "a group's": (Policy({"group:sales": Rule(Limits(tokens_day=Bound(hard=9)))}), TARGET, errors.OverLimit),
    "no price": (rules(cost_day=Bound(hard=NANO)), Target("unpriced", "openai"), errors.PriceUnknown),
    "the model": (Policy({EACH: Rule(models=("n-*",))}), TARGET, errors.ModelNotAllowed),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_neither_kept_nor_sent(store, case):
    policy, target, why = REFUSED[case]
    desk = desk_of(store, policy)
    with pytest.raises(why):
        asked(desk, target=target)
    assert store.conversations("ann", 9) == []
    open_ = replace(desk, guard=FREE, gateway=Scripted(CUT, DONE))
    talk = asked(open_, target=target)
    before = settled(open_, talk)
    for again in (
        lambda: asked(desk, talk, target),
        lambda: turn.retry(desk, "ann", talk, target, Params()),
        lambda: turn.go_on(desk, "ann", talk, before[-1].id, Params()),
    ):
        with pytest.raises(why):
            again()
        assert store.nodes("ann", talk) == before
    assert desk.gateway.sent == []
    # The place is free for who may go on.
    asked(open_, talk)
    assert settled(open_, talk)[-1].outcome is Outcome.COMPLETE


def test_who_has_no_limits_needs_no_counting(store):
    class Away:
        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"asked to {name}")

    desk = replace(desk_of(store, Policy(), DONE), guard=Guard(ANN, Policy(), Away(), priced))
    assert settled(desk, asked(desk))[-1].outcome is Outcome.COMPLETE
    assert desk.guard.left() == desk.guard.warnings() == []


def test_an_answer_takes_what_it_took_and_no_more(store):
    desk = desk_of(store, MUCH, DONE, CUT, DONE)
    talk = asked(desk)
    settled(desk, talk)
    assert used(store) == (1, 1500, TOOK)
    turn.retry(desk, "ann", talk, TARGET, Params())
    cut = settled(desk, talk)[-1]
    assert used(store) == (2, 1650, TOOK + 100 * 1000 + 50 * 4000)
    turn.go_on(desk, "ann", talk, cut.id, Params())
    assert settled(desk, talk)[-1].outcome is Outcome.COMPLETE
    assert used(store) == (3, 3150, 2 * TOOK + 300_000)
    assert sum(row.cost for row in store.spent("ann", talk)) == 2 * TOOK + 300_000


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
    "failed": ([TextDelta("Be"), errors.FailedMidway("no")], None),
    "cut": ([TextDelta("Be"), errors.Cut()], None),
    "said no tokens": ([TextDelta("Be"), Finish(Outcome.COMPLETE, "stop")], None),
    "tried again": ([Waiting(0.0, 1, 2, "overloaded"), *DONE], (2, 1500, TOOK)),
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
    desk.guard.release(store.spent("ann", talk)[0].id.partition(".")[0])
    assert used(store) == (taken or reserved)


@pytest.mark.parametrize("how", ["stopped", "interrupted"])
def test_what_was_stopped_is_counted_as_it_was_reserved(store, how):
    desk = desk_of(store, MUCH, [TextDelta("Be"), threading.Event()])
    talk = asked(desk)
    reserved, answer = used(store), desk.answers.find("ann", talk)
    until(lambda: answer.wait(-1, 0).node.message.text)
    if how == "interrupted":
        answer.interrupt()
    answer.stop()
    settled(desk, talk)
    assert used(store) == reserved
    assert store.spent("ann", talk)[0].cost is None


def test_what_could_not_be_kept_is_given_back(store, monkeypatch):
    desk = desk_of(store, MUCH, DONE)

    def refuse(*_: Any) -> None:
        raise errors.StoreError("disk full")

    with monkeypatch.context() as away, pytest.raises(errors.StoreError):
        away.setattr(store, "begin", refuse)
        asked(desk)
    assert used(store) == (0, 0, 0)
    # Not even that: it stays counted.
    with monkeypatch.context() as away, pytest.raises(errors.StoreError, match="disk full"):
        away.setattr(store, "begin", refuse)
        away.setattr(store, "release", refuse)
        asked(desk)
    assert used(store)[0] == 1
    assert desk.gateway.sent == []


def test_a_temporary_chat_counts(store):
    scratch = Scratch("ann", store)
    desk = desk_of(store, MUCH, [Waiting(0.0, 1, 2, "cut"), *DONE], keeper=scratch)
    settled(desk, asked(desk))
    assert used(store) == (2, 1500, TOOK)
    with pytest.raises(errors.OverLimit):
        asked(
            replace(desk, guard=Guard(ANN, rules(tokens_day=Bound(hard=1600)), store, priced, lambda: NOON))
        )


def at_rest() -> None:
    until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))


def test_a_title_counts_and_is_not_made_where_the_limit_is_reached(store):
    # The cheap model is not the person's choice: the rules about models are not about it.
    policy = Policy({EACH: Rule(MUCH.rules[EACH].limits, models=("m-*",))})
    titled = [TextDelta("A title"), *DONE[1:]]
    desk = desk_of(store, policy, titled, titled, cheap=CHEAP)
    talk = asked(desk)
    settled(desk, talk)
    at_rest()
    assert store.conversation("ann", talk).titled == "model"
    assert used(store) == (2, 3000, 2 * TOOK)
    desk = desk_of(store, rules(requests_minute=Bound(hard=3)), DONE, cheap=CHEAP)
    talk = asked(desk)
    assert settled(desk, talk)[-1].outcome is Outcome.COMPLETE
    at_rest()
    assert store.conversation("ann", talk).titled == "question"
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
    kept = store.conversation("ann", talk)
    job = shorten.summarise(cheap, "ann", kept, path, Window(path[4].id), begin=False)
    until(lambda: job.state != "running")
    assert job.state == "done"
    assert used(store) == (before[0] + 1, before[1] + 1500, before[2] + TOOK)
    tight = desk_of(store, rules(cost_day=Bound(hard=4 * TOOK + 1000)), cheap=CHEAP)
    job = shorten.summarise(tight, "ann", kept, path, Window(path[4].id), begin=False)
    until(lambda: job.state != "running")
    assert (job.state, job.code) == ("failed", "over_limit")
    assert tight.gateway.sent == []
