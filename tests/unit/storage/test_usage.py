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
from lib.storage.engine import read_transaction, write_transaction
from lib.storage.schema import ledger

TARGET = Target("m", "openai")
ENDED = [outcome for outcome in Outcome if outcome is not Outcome.ARRIVING]
PRICE = Price(Decimal("2.5"), Decimal(10), None, Decimal("3.125"), Decimal("0.01"))
BEGIN, DAY = 1_767_225_600.0, 86_400
SPAN = DayRange(date(2026, 1, 1), BEGIN, 10)
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="r")
TALK = Conversation("c", "Why?", 2.0, "a", TARGET)
SPEND = UsageRecord(
    *(
        "r",
        "c",
        "answer",
        TARGET,
        Usage(10, 5, 2, 1, 3),
        Timing(0.5, 0.7, 2.0),
        Outcome.COMPLETE,
        "req",
        BEGIN,
    ),
    *("a", PRICE, "gateway", 12_345),
)


@pytest.fixture
def begun(store):
    store.messages.save_turn("ann", TALK, [QUESTION, ANSWER])
    return store


def test_it_is_written_with_the_answers_end_as_it_was(begun):
    ended = replace(ANSWER, outcome=Outcome.COMPLETE)
    begun.messages.finish("ann", ended, [SPEND])
    begun.messages.finish("ann", ended, [SPEND])
    assert begun.usage.records("ann", "c") == [SPEND]
    assert begun.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 0, 0, 12_345, SPEND.usage)}
    assert begun.usage.records("bob", "c") == []


def test_it_is_written_where_the_answer_is_gone(begun):
    begun.users.delete_data("ann")
    begun.messages.finish("ann", replace(ANSWER, outcome=Outcome.STOPPED), [SPEND])
    assert begun.usage.records("ann", "c") == [SPEND]
    assert begun.messages.node("ann", "a") is None


def test_neither_is_written_where_one_cannot_be(begun):
    broken = replace(SPEND, cost=2**70)  # more than a column holds
    with pytest.raises(Exception, match=r"(?i)too large|out of range|overflow"):
        begun.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [broken])
    assert begun.messages.node("ann", "a").arriving
    assert begun.usage.records("ann", "c") == []


def test_whose_producer_died_has_a_row_of_unknown_cost(begun):
    assert begun.messages.mark_stale(-1) == 1
    (row,) = begun.usage.records("ann", "c")
    assert (row.id, row.node_id, row.target, row.outcome) == ("r", "a", TARGET, Outcome.INTERRUPTED)
    assert (row.usage, row.timing, row.cost, row.price) == (Usage(), Timing(), None, None)
    assert begun.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 1, 1)}
    assert begun.messages.mark_stale(-1) == 0
    assert len(begun.usage.records("ann", "c")) == 1


@pytest.mark.parametrize(
    "lose",
    [
        lambda store: store.messages.mark_stale(-1),
        lambda store: store.messages.mark_stopped("ann", "a"),
    ],
)
def test_who_was_taken_for_dead_tells_it_after_all_and_only_once(begun, lose):
    lose(begun)
    assert [row.cost for row in begun.usage.records("ann", "c")] == [None]
    begun.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [SPEND])
    assert begun.usage.records("ann", "c") == [SPEND]
    begun.messages.mark_stopped("ann", "a")
    begun.messages.mark_stale(-1)
    begun.messages.finish("ann", replace(ANSWER, outcome=Outcome.COMPLETE), [replace(SPEND, cost=1)])
    assert begun.usage.records("ann", "c") == [SPEND]


def test_another_cannot_write_over_it(begun):
    begun.messages.mark_stale(-1)
    begun.usage.record("bob", SPEND)
    assert begun.usage.records("bob", "c") == []
    assert [row.cost for row in begun.usage.records("ann", "c")] == [None]


def test_an_answer_that_came_with_anothers_request_has_no_row(begun):
    begun.messages.add("ann", "c", replace(ANSWER, id="b", usage_record_id=""))
    assert begun.messages.mark_stale(-1) == 2
    assert [row.id for row in begun.usage.records("ann", "c")] == ["r"]


def test_what_goes_on_is_a_request_of_its_own(begun):
    cut = replace(ANSWER, outcome=Outcome.LENGTH)
    begun.messages.finish("ann", cut, [SPEND])
    again = replace(cut, outcome=Outcome.ARRIVING, usage_record_id="r-two")
    begun.messages.reopen("ann", TALK, again)
    assert begun.messages.node("ann", "a").usage_record_id == "r-two"
    begun.messages.mark_stale(-1)
    assert begun.usage.totals_by_answer("ann", "c")["a"] == to_usage_total(SPEND) + UsageTotal(1, 1, 1)


tokens = some.none() | some.integers(0, 2**40)
spends = some.builds(
    UsageRecord,
    id=some.just(""),
    conversation_id=some.sampled_from(["c", "d", None]),
    purpose=some.sampled_from(["answer", "title", "summary"]),
    target=some.builds(
        Target, some.sampled_from(["m", "模型 “x”"]), some.sampled_from(["openai", "anthropic"])
    ),
    usage=some.builds(Usage, tokens, tokens, tokens, tokens, tokens),
    timing=some.builds(Timing, some.none() | some.floats(0, 9), some.none(), some.just(1.0)),
    outcome=some.sampled_from(ENDED),
    request_id=some.just(""),
    created_at=some.floats(BEGIN - 2 * DAY, BEGIN + 12 * DAY)
    | some.integers(-1, 11).map(lambda day: BEGIN + day * DAY),
    node_id=some.sampled_from(["a", "b", None]),
    cost=some.none() | some.integers(0, 10**15),
)
known = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@known
@given(found=some.lists(spends, max_size=12))
def test_every_sum_is_that_of_the_rows(store, found):
    with write_transaction(store._engine) as connection:
        connection.execute(sa.delete(ledger))
    mine = [replace(spend, id=f"s{number}") for number, spend in enumerate(found)]
    for spend in mine:
        store.usage.record("ann", spend)
    store.usage.record("bob", replace(SPEND, cost=999))

    def total(rows) -> UsageTotal:
        return sum(map(to_usage_total, rows), UsageTotal())

    for talk in ("c", "d"):
        told = store.usage.totals_by_answer("ann", talk)
        rows = [spend for spend in mine if spend.conversation_id == talk]
        assert told == {
            name: total(one for one in rows if (one.node_id or "") == name)
            for name in {r.node_id or "" for r in rows}
        }
    inside = [spend for spend in mine if BEGIN <= spend.created_at < SPAN.end]
    lines = store.usage.daily("ann", [SPAN])
    assert sum((line.total for line in lines), UsageTotal()) == total(inside)
    for line in lines:
        since = BEGIN + (line.day - SPAN.first_day).days * DAY
        day = [one for one in inside if since <= one.created_at < since + DAY and one.target == line.target]
        assert line.total == total(day)
    # However the days are cut, they are the same days.
    halves = [replace(SPAN, day_count=4), DayRange(SPAN.first_day + timedelta(days=4), BEGIN + 4 * DAY, 6)]
    assert store.usage.daily("ann", halves) == lines
    assert store.usage.total() == total(mine) + to_usage_total(replace(SPEND, cost=999))
    waits = [(one.target, one.timing.first_token) for one in inside if one.timing.first_token is not None]
    assert sorted(store.usage.first_token_times("ann", BEGIN, SPAN.end, 99), key=str) == sorted(
        waits, key=str
    )


def test_the_newest_waits_are_the_ones_that_are_taken(store):
    for number in range(5):
        store.usage.record(
            "ann", replace(SPEND, id=str(number), created_at=BEGIN + number, timing=Timing(float(number)))
        )
    assert store.usage.first_token_times("ann", BEGIN, BEGIN + 9, 2) == [(TARGET, 4.0), (TARGET, 3.0)]


def test_what_somebody_spent_since_then_is_asked_of_an_index(store):
    query = sa.select(sa.func.sum(ledger.c.cost)).where(ledger.c.owner == "ann", ledger.c.created >= BEGIN)
    with read_transaction(store._engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        bound = query.compile(connection.engine, compile_kwargs={"literal_binds": True})
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain}{bound}"))
    assert "ledger_created" in plan
