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
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.quotas import recount, settle_reservation
from lib.storage.schema.tables import quota, reservation
from tests.support.examples import count_examples
from tests.support.usage_records import read_usage_records

NOW = time.time()
TARGET = Target("m", "openai")
USER_DAY, TEAM_MONTH = (
    current_counter("person:ann", "tokens_day", NOW),
    current_counter("all", "cost_month", NOW),
)
GROUP_MONTH, TEAM_MINUTE = (
    current_counter("group:sales", "tokens_month", NOW),
    current_counter("all", "requests_minute", NOW),
)
COUNTERS = (USER_DAY, TEAM_MONTH, GROUP_MONTH, TEAM_MINUTE)


def usage_record(name: str, tokens: int | None = 10, cost: int | None = 70, **fields: object) -> UsageRecord:
    usage = Usage(tokens, 0) if tokens is not None else Usage()
    record = UsageRecord(name, None, "answer", TARGET, usage, Timing(0.1), Outcome.COMPLETE, "", NOW, cost=cost)
    return replace(record, **fields)


def failed_record(name: str) -> UsageRecord:
    return usage_record(name, None, None, outcome=Outcome.FAILED, timing=Timing())


def reservations(tokens: int = 100, cost: int = 1000, hard: int | None = 10_000) -> list[Reservation]:
    amounts = {"tokens": tokens, "cost": cost, "requests": 1}
    return [Reservation(counter, amounts[counter.unit], hard) for counter in COUNTERS]


def used_amounts(store) -> tuple[int, ...]:
    """Return the used amounts of COUNTERS, in their order."""
    amounts_by_counter = store.quotas.used("ann", COUNTERS)
    return tuple(amounts_by_counter[counter] for counter in COUNTERS)


def count_reservations(store) -> int:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(reservation))


def recount_all(store) -> None:
    with write_transaction(store._engine) as connection:
        recount(connection, time.time())


def test_a_reservation_is_atomic(store):
    assert store.quotas.reserve("ann", "r", reservations()) == []
    assert used_amounts(store) == (100, 1000, 100, 1)
    over_limit = [
        replace(requested_reservation, hard_limit=150)
        if requested_reservation.counter == USER_DAY
        else requested_reservation
        for requested_reservation in reservations()
    ]
    assert store.quotas.reserve("ann", "s", over_limit) == [LimitExceeded(over_limit[0], 50)]
    assert used_amounts(store) == (100, 1000, 100, 1)
    assert count_reservations(store) == 1
    assert {exceeded.reservation.counter for exceeded in store.quotas.reserve("ann", "s", reservations(99_999))} == {
        USER_DAY,
        GROUP_MONTH,
    }
    assert used_amounts(store) == (100, 1000, 100, 1)


def test_several_requests_are_reserved_together_or_not_at_all(store):
    def request(amount: int) -> list[Reservation]:
        return [Reservation(TEAM_MONTH, amount, 1000), Reservation(TEAM_MINUTE, 1, 9)]

    assert store.quotas.reserve_all("ann", {"r": request(300), "s": request(200)}) == []
    assert count_reservations(store) == 2
    # The refusal names the sum, and what remains for all of them.
    rejected = store.quotas.reserve_all("ann", {"t": request(300), "u": request(150), "v": request(100)})
    assert rejected == [LimitExceeded(Reservation(TEAM_MONTH, 550, 1000), 500)]
    assert count_reservations(store) == 2
    store.quotas.release("ann", "r")
    assert store.quotas.reserve_all("ann", {"t": request(300), "u": request(500)}) == []


def test_the_first_request_of_a_period_is_limited(store):
    exceeded = store.quotas.reserve("ann", "r", [Reservation(TEAM_MINUTE, 1, 0), Reservation(TEAM_MONTH, 5, 4)])
    assert exceeded == [
        LimitExceeded(Reservation(TEAM_MONTH, 5, 4), 4),
        LimitExceeded(Reservation(TEAM_MINUTE, 1, 0), 0),
    ]
    assert used_amounts(store) == (0, 0, 0, 0)


def test_the_limit_can_be_used_exactly(store):
    assert store.quotas.reserve("ann", "r", [Reservation(TEAM_MONTH, 600, 1000)]) == []
    assert store.quotas.reserve("ann", "s", [Reservation(TEAM_MONTH, 400, 1000)]) == []
    assert store.quotas.reserve("ann", "t", [Reservation(TEAM_MONTH, 1, 1000)]) == [
        LimitExceeded(Reservation(TEAM_MONTH, 1, 1000), 0)
    ]


def test_actual_usage_replaces_the_reservation_once(store):
    store.quotas.reserve("ann", "r", reservations())
    for _ in range(2):
        store.usage.record("ann", usage_record("r", 130, 70))
        assert used_amounts(store) == (130, 70, 130, 1)
    assert count_reservations(store) == 0


def test_the_end_of_an_answer_settles_its_reservation_in_one_transaction(store, monkeypatch):
    answer = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="r")
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [question, answer])
    store.quotas.reserve("ann", "r", reservations())
    finished = replace(answer, outcome=Outcome.COMPLETE)

    def refuse(*_):
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(usage, "settle_reservation", refuse)
        with pytest.raises(StoreError):
            store.messages.finish("ann", finished, [usage_record("r", conversation_id="c")])
    assert read_usage_records(store, "ann", "c") == []
    assert used_amounts(store) == (100, 1000, 100, 1)
    for _ in range(2):
        store.messages.finish("ann", finished, [usage_record("r", conversation_id="c")])
    assert used_amounts(store) == (10, 70, 10, 1)


def test_each_retry_counts_as_a_request_and_failed_requests_use_no_tokens(store):
    store.quotas.reserve("ann", "r", reservations())
    store.usage.record("ann", failed_record("r"), failed_record("r.2"), usage_record("r.3"))
    assert used_amounts(store) == (10, 70, 10, 3)
    store.quotas.reserve("ann", "s", reservations())
    store.usage.record("ann", failed_record("s"))
    assert used_amounts(store) == (10, 70, 10, 4)


def test_unknown_usage_counts_as_the_reserved_amount(store):
    store.quotas.reserve("ann", "r", reservations())
    store.usage.record("ann", usage_record("r", None, None, outcome=Outcome.STOPPED))
    assert used_amounts(store) == (100, 1000, 100, 1)
    store.quotas.reserve("ann", "s", reservations())
    # The known input is more than the reservation; the output is unknown.
    store.usage.record("ann", usage_record("s", cost=None, usage=Usage(140, None), outcome=Outcome.STOPPED))
    assert used_amounts(store) == (240, 2000, 240, 2)


def test_a_released_reservation_counts_nothing(store):
    store.quotas.reserve("ann", "r", reservations())
    store.quotas.release("bob", "r")
    assert used_amounts(store) == (100, 1000, 100, 1)
    for _ in range(2):
        store.quotas.release("ann", "r")
        assert used_amounts(store) == (0, 0, 0, 0)


def test_usage_before_the_limit_was_set_counts(store):
    store.usage.record("ann", usage_record("a", 30, 300), usage_record("b", 1, None))
    store.usage.record("bob", usage_record("c", 500, 5000))
    store.usage.record("ann", usage_record("old", 900, 9000, created_at=USER_DAY.period_start - 1.0))
    earlier_this_month = 9000 if USER_DAY.period_start > TEAM_MONTH.period_start else 0
    assert used_amounts(store) == (31, 5300 + earlier_this_month, 0, 0)
    assert store.quotas.reserve("ann", "r", reservations(hard=None)) == []
    assert used_amounts(store) == (131, 6300 + earlier_this_month, 100, 1)
    # From now on the counter is incremented, not summed from the records.
    store.usage.record("bob", usage_record("d", 7, 7))
    assert used_amounts(store) == (131, 6300 + earlier_this_month, 100, 1)


def test_usage_with_a_personal_key_is_not_counted(store):
    store.usage.record("ann", usage_record("own", 1000, 700, uses_personal_key=True))
    store.usage.record("ann", usage_record("team", 10, 70))
    expected = {USER_DAY: 10, TEAM_MONTH: 70}
    assert store.quotas.used("ann", list(expected)) == expected
    assert not store.quotas.reserve("ann", "r", [Reservation(counter, 0, None) for counter in expected])
    recount_all(store)
    assert store.quotas.used("ann", list(expected)) == expected


def test_a_recount_includes_usage_recorded_without_reservations(store):
    store.quotas.reserve("ann", "r", reservations())
    store.usage.record("ann", usage_record("r"))
    # Without limits nothing is reserved.
    store.usage.record("ann", usage_record("s", 30, 300), usage_record("t", 1, None))
    store.usage.record("bob", usage_record("u", 500, 5000))
    assert used_amounts(store) == (10, 70, 10, 1)
    for _ in range(2):
        recount_all(store)
        assert used_amounts(store) == (41, 5370, 10, 1)
    # Open reservations and unknown usage are not in the usage records.
    store.quotas.reserve("ann", "v", reservations(tokens=1000))
    store.usage.record("ann", usage_record("v", None, None, outcome=Outcome.STOPPED))
    recount_all(store)
    assert used_amounts(store) == (1041, 6370, 1010, 2)


def test_open_reservations_include_a_margin_for_observed_overruns(store):
    request = [Reservation(TEAM_MONTH, 100, 1000)]
    store.quotas.reserve("ann", "r", request)
    store.usage.record("ann", usage_record("r", cost=150))
    for record_id in "stuv":
        assert store.quotas.reserve("ann", record_id, request) == []
    # Of 1000, 150 and four times 100 are used, and each of the four may exceed its estimate by 50.
    assert store.quotas.reserve("ann", "w", [Reservation(TEAM_MONTH, 251, 1000)]) == [
        LimitExceeded(Reservation(TEAM_MONTH, 251, 1000), 250)
    ]
    for record_id in "stuv":
        store.usage.record("ann", usage_record(record_id, cost=100))
    assert store.quotas.reserve("ann", "w", [Reservation(TEAM_MONTH, 450, 1000)]) == []


def test_large_amounts_do_not_overflow(store):
    large_amount = 10**18
    assert (
        store.quotas.reserve(
            "ann",
            "r",
            [Reservation(TEAM_MONTH, large_amount, 10**30), Reservation(USER_DAY, large_amount, None)],
        )
        == []
    )
    store.usage.record("ann", usage_record("r", large_amount, large_amount))
    assert used_amounts(store)[:2] == (large_amount, large_amount)


def test_counters_of_past_periods_and_old_reservations_are_purged(store):
    kept_counter, past_counter = (
        QuotaCounter("all", "cost_day", int(NOW - 39 * 86_400)),
        QuotaCounter("all", "cost_day", 7),
    )
    past_minute = QuotaCounter("all", "requests_minute", int(NOW - 7200))
    store.quotas.reserve(
        "ann", "r", [Reservation(counter, 5, None) for counter in (kept_counter, past_counter, past_minute)]
    )
    with write_transaction(store._engine) as connection:
        old_reservation = sa.insert(reservation).values(id="lost", owner="ann", claims=[], created=NOW - 41 * 86_400)
        connection.execute(old_reservation)
    store.purge_deleted(60.0)
    with read_transaction(store._engine) as connection:
        assert connection.scalars(sa.select(quota.c.begins)).all() == [kept_counter.period_start]
        assert connection.scalars(sa.select(reservation.c.id)).all() == ["r"]


amounts = some.integers(0, 60)
requested = some.dictionaries(some.sampled_from(COUNTERS), some.tuples(amounts, some.none() | some.integers(0, 200)))
record_builders = some.builds(
    lambda kind, tokens, cost: {
        "known": lambda name: usage_record(name, tokens, cost),
        "unknown": lambda name: usage_record(name, None, None, outcome=Outcome.INTERRUPTED),
        "failed": failed_record,
    }[kind],
    some.sampled_from(["known", "unknown", "failed"]),
    amounts,
    amounts,
)


class QuotaModel(RuleBasedStateMachine):
    """Concurrent requests beside a model with three numbers for each counter."""

    def __init__(self, store) -> None:
        super().__init__()
        self.store = store
        self.used, self.pending_count, self.max_overrun = ({counter: 0 for counter in COUNTERS} for _ in range(3))
        self.open_reservations: dict[str, list[Reservation]] = {}
        self.number = 0
        with write_transaction(store._engine) as connection:
            for table in (quota, reservation):
                connection.execute(sa.delete(table))

    @rule(requested=requested)
    def reserve(self, requested) -> None:
        self.number += 1
        record_id = f"r{self.number}"
        reservation_list = [
            Reservation(counter, amount, hard_limit) for counter, (amount, hard_limit) in requested.items()
        ]
        room = {
            item: item.hard_limit
            - self.used[item.counter]
            - self.pending_count[item.counter] * self.max_overrun[item.counter]
            for item in reservation_list
            if item.hard_limit is not None
        }
        exceeded = {
            LimitExceeded(item, max(0, remaining)) for item, remaining in room.items() if item.amount > remaining
        }
        if reservation_list:
            assert set(self.store.quotas.reserve("ann", record_id, reservation_list)) == exceeded
        if reservation_list and not exceeded:
            self.open_reservations[record_id] = reservation_list
            for item in reservation_list:
                self.used[item.counter] += item.amount
                self.pending_count[item.counter] += 1

    @rule(index=some.integers(0), builders=some.lists(record_builders, max_size=3), is_repeated=some.booleans())
    def settle(self, index, builders, is_repeated) -> None:
        if not self.open_reservations:
            return
        record_id = sorted(self.open_reservations)[index % len(self.open_reservations)]
        records = [
            build_record(f"{record_id}.{attempt + 1}" if attempt else record_id)
            for attempt, build_record in enumerate(builders)
        ]
        for item in self.open_reservations.pop(record_id):
            actual = actual_amount(item.counter.unit, item.amount, records)
            self.used[item.counter] += actual - item.amount
            self.pending_count[item.counter] -= 1
            if item.counter.unit != "requests":
                self.max_overrun[item.counter] = max(self.max_overrun[item.counter], actual - item.amount)
        for _ in range(1 + is_repeated):
            with write_transaction(self.store._engine, "ann") as connection:
                settle_reservation(connection, "ann", record_id, records)

    @invariant()
    def matches_model(self) -> None:
        assert self.store.quotas.used("ann", COUNTERS) == self.used
        assert count_reservations(self.store) == len(self.open_reservations)


def test_quotas_match_a_simple_model(store):
    run_state_machine_as_test(
        lambda: QuotaModel(store),
        settings=settings(
            max_examples=count_examples(15),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
