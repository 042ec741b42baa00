"""Quotas: reserved completely or not at all, settled once, as in a simple model."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.errors import StoreError
from lib.core.quota import LimitExceeded, QuotaCounter, Reservation, actual_amount, current_counter
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.storage import usage
from lib.storage.engine import read_transaction, write_transaction
from lib.storage.quotas import recount, settle_reservation
from lib.storage.schema import quota, reservation

NOW = time.time()
TARGET = Target("m", "openai")
MINE, ALL = current_counter("person:ann", "tokens_day", NOW), current_counter("all", "cost_month", NOW)
OURS, MINUTE = (
    current_counter("group:sales", "tokens_month", NOW),
    current_counter("all", "requests_minute", NOW),
)
EVERY = (MINE, ALL, OURS, MINUTE)


def spend(name: str, tokens: int | None = 10, cost: int | None = 70, **more: object) -> UsageRecord:
    usage = Usage(tokens, 0) if tokens is not None else Usage()
    plain = UsageRecord(
        name, None, "answer", TARGET, usage, Timing(0.1), Outcome.COMPLETE, "", NOW, cost=cost
    )
    return replace(plain, **more)


def failed(name: str) -> UsageRecord:
    return spend(name, None, None, outcome=Outcome.FAILED, timing=Timing())


def claims(tokens: int = 100, cost: int = 1000, hard: int | None = 10_000) -> list[Reservation]:
    amounts = {"tokens": tokens, "cost": cost, "requests": 1}
    return [Reservation(counter, amounts[counter.unit], hard) for counter in EVERY]


def used(store) -> tuple[int, ...]:
    """Of MINE, ALL, OURS, MINUTE."""
    found = store.quotas.used("ann", EVERY)
    return tuple(found[counter] for counter in EVERY)


def reserved(store) -> int:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(reservation))


def recount_all(store) -> None:
    with write_transaction(store._engine) as connection:
        recount(connection, time.time())


def test_all_is_reserved_or_nothing(store):
    assert store.quotas.reserve("ann", "r", claims()) == []
    assert used(store) == (100, 1000, 100, 1)
    tight = [replace(claim, hard_limit=150) if claim.counter == MINE else claim for claim in claims()]
    assert store.quotas.reserve("ann", "s", tight) == [LimitExceeded(tight[0], 50)]
    assert used(store) == (100, 1000, 100, 1)
    assert reserved(store) == 1
    assert {one.reservation.counter for one in store.quotas.reserve("ann", "s", claims(99_999))} == {
        MINE,
        OURS,
    }
    assert used(store) == (100, 1000, 100, 1)


def test_the_first_request_of_a_period_is_held_to_the_bound_too(store):
    over = store.quotas.reserve("ann", "r", [Reservation(MINUTE, 1, 0), Reservation(ALL, 5, 4)])
    assert over == [LimitExceeded(Reservation(ALL, 5, 4), 4), LimitExceeded(Reservation(MINUTE, 1, 0), 0)]
    assert used(store) == (0, 0, 0, 0)


def test_exactly_the_bound_may_be_used(store):
    assert store.quotas.reserve("ann", "r", [Reservation(ALL, 600, 1000)]) == []
    assert store.quotas.reserve("ann", "s", [Reservation(ALL, 400, 1000)]) == []
    assert store.quotas.reserve("ann", "t", [Reservation(ALL, 1, 1000)]) == [
        LimitExceeded(Reservation(ALL, 1, 1000), 0)
    ]


def test_what_was_reserved_gives_way_to_what_was_taken_once(store):
    store.quotas.reserve("ann", "r", claims())
    for _ in range(2):
        store.usage.record("ann", spend("r", 130, 70))
        assert used(store) == (130, 70, 130, 1)
    assert reserved(store) == 0


def test_an_answers_end_settles_it_in_the_same_transaction(store, monkeypatch):
    answer = Node(
        "a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="r"
    )
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [question, answer])
    store.quotas.reserve("ann", "r", claims())
    ended = replace(answer, outcome=Outcome.COMPLETE)

    def refuse(*_):
        raise StoreError("disk full")

    with monkeypatch.context() as away:
        away.setattr(usage, "settle_reservation", refuse)
        with pytest.raises(StoreError):
            store.messages.finish("ann", ended, [spend("r", conversation_id="c")])
    assert store.usage.records("ann", "c") == []
    assert used(store) == (100, 1000, 100, 1)
    for _ in range(2):
        store.messages.finish("ann", ended, [spend("r", conversation_id="c")])
    assert used(store) == (10, 70, 10, 1)


def test_each_repetition_counts_and_what_failed_before_anything_came_took_nothing(store):
    store.quotas.reserve("ann", "r", claims())
    store.usage.record("ann", failed("r"), failed("r.2"), spend("r.3"))
    assert used(store) == (10, 70, 10, 3)
    store.quotas.reserve("ann", "s", claims())
    store.usage.record("ann", failed("s"))
    assert used(store) == (10, 70, 10, 4)


def test_what_nobody_knows_is_what_was_reserved(store):
    store.quotas.reserve("ann", "r", claims())
    store.usage.record("ann", spend("r", None, None, outcome=Outcome.STOPPED))
    assert used(store) == (100, 1000, 100, 1)
    store.quotas.reserve("ann", "s", claims())
    # More than that was sent already; how much was said is unknown.
    store.usage.record("ann", spend("s", cost=None, usage=Usage(140, None), outcome=Outcome.STOPPED))
    assert used(store) == (240, 2000, 240, 2)


def test_a_request_that_was_not_sent_took_nothing(store):
    store.quotas.reserve("ann", "r", claims())
    store.quotas.release("bob", "r")
    assert used(store) == (100, 1000, 100, 1)
    for _ in range(2):
        store.quotas.release("ann", "r")
        assert used(store) == (0, 0, 0, 0)


def test_what_was_used_before_there_was_a_bound_counts(store):
    store.usage.record("ann", spend("a", 30, 300), spend("b", 1, None))
    store.usage.record("bob", spend("c", 500, 5000))
    store.usage.record("ann", spend("old", 900, 9000, created_at=MINE.period_start - 1.0))
    month = 9000 if MINE.period_start > ALL.period_start else 0
    assert used(store) == (31, 5300 + month, 0, 0)
    assert store.quotas.reserve("ann", "r", claims(hard=None)) == []
    assert used(store) == (131, 6300 + month, 100, 1)
    # From now on it is counted, not summed up.
    store.usage.record("bob", spend("d", 7, 7))
    assert used(store) == (131, 6300 + month, 100, 1)


def test_what_was_not_counted_in_between_is_found_again(store):
    store.quotas.reserve("ann", "r", claims())
    store.usage.record("ann", spend("r"))
    # While nothing held, nothing was reserved.
    store.usage.record("ann", spend("s", 30, 300), spend("t", 1, None))
    store.usage.record("bob", spend("u", 500, 5000))
    assert used(store) == (10, 70, 10, 1)
    for _ in range(2):
        recount_all(store)
        assert used(store) == (41, 5370, 10, 1)
    # What is reserved, or was of unknown size, is more than the ledger knows.
    store.quotas.reserve("ann", "v", claims(tokens=1000))
    store.usage.record("ann", spend("v", None, None, outcome=Outcome.STOPPED))
    recount_all(store)
    assert used(store) == (1041, 6370, 1010, 2)


def test_those_under_way_leave_room_for_what_others_took_beyond_their_share(store):
    bound = [Reservation(ALL, 100, 1000)]
    store.quotas.reserve("ann", "r", bound)
    store.usage.record("ann", spend("r", cost=150))
    for name in "stuv":
        assert store.quotas.reserve("ann", name, bound) == []
    # Of 1000, 150 and four times 100 are used, and each of the four may take 50 more.
    assert store.quotas.reserve("ann", "w", [Reservation(ALL, 251, 1000)]) == [
        LimitExceeded(Reservation(ALL, 251, 1000), 250)
    ]
    for name in "stuv":
        store.usage.record("ann", spend(name, cost=100))
    assert store.quotas.reserve("ann", "w", [Reservation(ALL, 450, 1000)]) == []


def test_no_amount_is_too_great(store):
    much = 10**18
    assert (
        store.quotas.reserve("ann", "r", [Reservation(ALL, much, 10**30), Reservation(MINE, much, None)])
        == []
    )
    store.usage.record("ann", spend("r", much, much))
    assert used(store)[:2] == (much, much)


def test_what_no_period_needs_is_purged(store):
    old, older = QuotaCounter("all", "cost_day", int(NOW - 39 * 86_400)), QuotaCounter("all", "cost_day", 7)
    minute = QuotaCounter("all", "requests_minute", int(NOW - 7200))
    store.quotas.reserve("ann", "r", [Reservation(one, 5, None) for one in (old, older, minute)])
    with write_transaction(store._engine) as connection:
        late = sa.insert(reservation).values(id="lost", owner="ann", claims=[], created=NOW - 41 * 86_400)
        connection.execute(late)
    store.purge_deleted(60.0)
    with read_transaction(store._engine) as connection:
        assert connection.scalars(sa.select(quota.c.begins)).all() == [old.period_start]
        assert connection.scalars(sa.select(reservation.c.id)).all() == ["r"]


amounts = some.integers(0, 60)
asked = some.dictionaries(some.sampled_from(EVERY), some.tuples(amounts, some.none() | some.integers(0, 200)))
ended = some.builds(
    lambda kind, tokens, cost: {
        "known": lambda name: spend(name, tokens, cost),
        "unknown": lambda name: spend(name, None, None, outcome=Outcome.INTERRUPTED),
        "failed": failed,
    }[kind],
    some.sampled_from(["known", "unknown", "failed"]),
    amounts,
    amounts,
)


class Counted(RuleBasedStateMachine):
    """Requests under way beside a model of them: three numbers for each counter."""

    def __init__(self, store) -> None:
        super().__init__()
        self.store = store
        self.used, self.pending, self.slip = ({counter: 0 for counter in EVERY} for _ in range(3))
        self.open: dict[str, list[Reservation]] = {}
        self.number = 0
        with write_transaction(store._engine) as connection:
            for table in (quota, reservation):
                connection.execute(sa.delete(table))

    @rule(asked=asked)
    def reserve(self, asked) -> None:
        self.number += 1
        name = f"r{self.number}"
        claims = [Reservation(counter, amount, hard) for counter, (amount, hard) in asked.items()]
        room = {
            claim: claim.hard_limit
            - self.used[claim.counter]
            - self.pending[claim.counter] * self.slip[claim.counter]
            for claim in claims
            if claim.hard_limit is not None
        }
        over = {LimitExceeded(claim, max(0, left)) for claim, left in room.items() if claim.amount > left}
        if claims:
            assert set(self.store.quotas.reserve("ann", name, claims)) == over
        if claims and not over:
            self.open[name] = claims
            for claim in claims:
                self.used[claim.counter] += claim.amount
                self.pending[claim.counter] += 1

    @rule(which=some.integers(0), ends=some.lists(ended, max_size=3), twice=some.booleans())
    def settle(self, which, ends, twice) -> None:
        if not self.open:
            return
        name = sorted(self.open)[which % len(self.open)]
        spends = [end(f"{name}.{place + 1}" if place else name) for place, end in enumerate(ends)]
        for claim in self.open.pop(name):
            taken = actual_amount(claim.counter.unit, claim.amount, spends)
            self.used[claim.counter] += taken - claim.amount
            self.pending[claim.counter] -= 1
            if claim.counter.unit != "requests":
                self.slip[claim.counter] = max(self.slip[claim.counter], taken - claim.amount)
        for _ in range(1 + twice):
            with write_transaction(self.store._engine, "ann") as connection:
                settle_reservation(connection, "ann", name, spends)

    @invariant()
    def is_as_the_model(self) -> None:
        assert self.store.quotas.used("ann", EVERY) == self.used
        assert reserved(self.store) == len(self.open)


def test_it_is_as_a_simple_model_has_it(store):
    run_state_machine_as_test(
        lambda: Counted(store),
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
