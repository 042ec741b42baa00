"""Usage records: written with the answer, once, and summed alike by every query."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.pricing import Price
from lib.core.target import Target
from lib.core.usage import DayRange, UsageRecord, UsageTotal, to_usage_total
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.schema.tables import ledger
from tests.support.usage_records import read_usage_records

TARGET = Target("m", "openai")
FINAL_OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.ARRIVING]
PRICE = Price(Decimal("2.5"), Decimal(10), None, Decimal("3.125"), Decimal("0.01"))
START, DAY = 1_767_225_600.0, 86_400
DAY_RANGE = DayRange(date(2026, 1, 1), START, 10)
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="r")
CONVERSATION = Conversation("c", "Why?", 2.0, "a", TARGET)
RECORD = UsageRecord(
    *(
        "r",
        "c",
        "answer",
        TARGET,
        Usage(10, 5, 2, 1, 3),
        Timing(0.5, 0.7, 2.0),
        Outcome.COMPLETE,
        "req",
        START,
    ),
    *("a", PRICE, "gateway", 12_345),
)


@pytest.fixture
def saved_store(store):
    store.messages.save_turn("ann", CONVERSATION, [QUESTION, ANSWER])
    return store


def test_a_usage_record_is_saved_once_with_the_end_of_the_answer(saved_store):
    finished = replace(ANSWER, outcome=Outcome.COMPLETE)
    saved_store.messages.finish("ann", finished, [RECORD])
    saved_store.messages.finish("ann", finished, [RECORD])
    assert read_usage_records(saved_store, "ann", "c") == [RECORD]
    assert saved_store.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 0, 0, 12_345, RECORD.usage)}
    assert read_usage_records(saved_store, "bob", "c") == []


def test_usage_of_a_deleted_answer_is_recorded(saved_store):
    saved_store.users.delete_data("ann")
    saved_store.messages.finish("ann", replace(ANSWER, outcome=Outcome.STOPPED), [RECORD])
    assert read_usage_records(saved_store, "ann", "c") == [RECORD]
    assert saved_store.messages.node("ann", "a") is None


def test_an_invalid_usage_record_leaves_the_answer_unfinished(saved_store):
    invalid = replace(RECORD, cost=2**70)  # more than a column holds
    with pytest.raises(Exception, match=r"(?i)too large|out of range|overflow"):
        saved_store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [invalid])
    assert saved_store.messages.node("ann", "a").arriving
    assert read_usage_records(saved_store, "ann", "c") == []


def test_a_stale_answer_gets_a_usage_record_of_unknown_cost(saved_store):
    assert saved_store.messages.mark_stale(-1) == 1
    (record,) = read_usage_records(saved_store, "ann", "c")
    assert (record.id, record.node_id, record.target, record.outcome) == (
        "r",
        "a",
        TARGET,
        Outcome.INTERRUPTED,
    )
    assert (record.usage, record.timing, record.cost, record.price) == (Usage(), Timing(), None, None)
    assert saved_store.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 1, 1)}
    assert saved_store.messages.mark_stale(-1) == 0
    assert len(read_usage_records(saved_store, "ann", "c")) == 1


@pytest.mark.parametrize(
    "mark_lost",
    [
        lambda store: store.messages.mark_stale(-1),
        lambda store: store.messages.mark_stopped("ann", "a"),
    ],
)
def test_a_lost_usage_record_is_completed_once(saved_store, mark_lost):
    mark_lost(saved_store)
    assert [record.cost for record in read_usage_records(saved_store, "ann", "c")] == [None]
    saved_store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [RECORD])
    assert read_usage_records(saved_store, "ann", "c") == [RECORD]
    saved_store.messages.mark_stopped("ann", "a")
    saved_store.messages.mark_stale(-1)
    saved_store.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [replace(RECORD, cost=1)])
    assert read_usage_records(saved_store, "ann", "c") == [RECORD]


def test_another_owner_cannot_complete_a_usage_record(saved_store):
    saved_store.messages.mark_stale(-1)
    saved_store.usage.record("bob", RECORD)
    assert read_usage_records(saved_store, "bob", "c") == []
    assert [record.cost for record in read_usage_records(saved_store, "ann", "c")] == [None]


def test_an_answer_without_its_own_request_gets_no_usage_record(saved_store):
    saved_store.messages.add("ann", "c", replace(ANSWER, id="b", usage_record_id=""))
    assert saved_store.messages.mark_stale(-1) == 2
    assert [record.id for record in read_usage_records(saved_store, "ann", "c")] == ["r"]


def test_a_continuation_has_its_own_usage_record(saved_store):
    finished = replace(ANSWER, outcome=Outcome.LENGTH)
    saved_store.messages.finish("ann", finished, [RECORD])
    reopened = replace(finished, outcome=Outcome.ARRIVING, usage_record_id="r-two")
    saved_store.messages.reopen("ann", CONVERSATION, reopened)
    assert saved_store.messages.node("ann", "a").usage_record_id == "r-two"
    saved_store.messages.mark_stale(-1)
    assert saved_store.usage.totals_by_answer("ann", "c")["a"] == to_usage_total(RECORD) + UsageTotal(1, 1, 1)


token_counts = some.none() | some.integers(0, 2**40)
usage_records = some.builds(
    UsageRecord,
    id=some.just(""),
    conversation_id=some.sampled_from(["c", "d", None]),
    purpose=some.sampled_from(["answer", "title", "summary"]),
    target=some.builds(Target, some.sampled_from(["m", "模型 “x”"]), some.sampled_from(["openai", "anthropic"])),
    usage=some.builds(Usage, token_counts, token_counts, token_counts, token_counts, token_counts),
    timing=some.builds(Timing, some.none() | some.floats(0, 9), some.none(), some.just(1.0)),
    outcome=some.sampled_from(FINAL_OUTCOMES),
    request_id=some.just(""),
    created_at=some.floats(START - 2 * DAY, START + 12 * DAY)
    | some.integers(-1, 11).map(lambda day: START + day * DAY),
    node_id=some.sampled_from(["a", "b", None]),
    cost=some.none() | some.integers(0, 10**15),
)
hypothesis_settings = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@hypothesis_settings
@given(generated=some.lists(usage_records, max_size=12))
def test_all_totals_equal_the_sum_of_the_records(store, generated):
    with write_transaction(store._engine) as connection:
        connection.execute(sa.delete(ledger))
    records = [replace(record, id=f"s{number}") for number, record in enumerate(generated)]
    for record in records:
        store.usage.record("ann", record)
    store.usage.record("bob", replace(RECORD, cost=999))

    def sum_records(conversation_records) -> UsageTotal:
        return sum(map(to_usage_total, conversation_records), UsageTotal())

    for conversation_id in ("c", "d"):
        totals = store.usage.totals_by_answer("ann", conversation_id)
        conversation_records = [record for record in records if record.conversation_id == conversation_id]
        assert totals == {
            node_id: sum_records(record for record in conversation_records if (record.node_id or "") == node_id)
            for node_id in {record.node_id or "" for record in conversation_records}
        }
    records_in_range = [record for record in records if START <= record.created_at < DAY_RANGE.end]
    daily_usage = store.usage.daily("ann", [DAY_RANGE])
    assert sum((daily.total for daily in daily_usage), UsageTotal()) == sum_records(records_in_range)
    for daily in daily_usage:
        day_start = START + (daily.day - DAY_RANGE.first_day).days * DAY
        records_of_day = [
            record
            for record in records_in_range
            if day_start <= record.created_at < day_start + DAY and record.target == daily.target
        ]
        assert daily.total == sum_records(records_of_day)
    # A split of the range into two does not change the days.
    split_ranges = [
        replace(DAY_RANGE, day_count=4),
        DayRange(DAY_RANGE.first_day + timedelta(days=4), START + 4 * DAY, 6),
    ]
    assert store.usage.daily("ann", split_ranges) == daily_usage
    assert store.usage.total() == sum_records(records) + to_usage_total(replace(RECORD, cost=999))
    first_token_times = [
        (record.target, record.timing.first_token)
        for record in records_in_range
        if record.timing.first_token is not None
    ]
    assert sorted(store.usage.first_token_times("ann", START, DAY_RANGE.end, 99), key=str) == sorted(
        first_token_times, key=str
    )


def test_first_token_times_are_those_of_the_newest_requests(store):
    for number in range(5):
        store.usage.record(
            "ann", replace(RECORD, id=str(number), created_at=START + number, timing=Timing(float(number)))
        )
    assert store.usage.first_token_times("ann", START, START + 9, 2) == [(TARGET, 4.0), (TARGET, 3.0)]


def test_cost_since_a_time_is_read_from_an_index(store):
    query = sa.select(sa.func.sum(ledger.c.cost)).where(ledger.c.owner == "ann", ledger.c.created >= START)
    with read_transaction(store._engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        statement = query.compile(connection.engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain}{statement}"))
    assert "ledger_created" in plan


def test_requests_with_a_personal_key_are_not_those_of_the_teams_key(store):
    personal = replace(RECORD, id="p", request_id="theirs", uses_personal_key=True)
    store.usage.record("ann", RECORD)
    store.usage.record("ann", personal)
    assert read_usage_records(store, "ann", "c") == [personal, RECORD]
    assert [request.id for request in store.usage.requests(START, START + DAY, 9)] == ["r"]
    assert store.usage.total() == to_usage_total(RECORD)
    # A user's own usage is all of it.
    assert store.usage.totals_by_user(START, START + DAY)["ann"] == to_usage_total(RECORD) + to_usage_total(personal)
