"""Reconciliation: by id, else by model, tokens and time; what only one side has; and nothing twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.usage.reconciliation import TIME_WINDOW, reconcile
from lib.core.pricing import BillingUnit
from lib.core.reconciliation import LoggedRequest, Reconciliation, RecordedRequest, RequestLog

UNIT = BillingUnit("USD", Decimal(1), Decimal(500_000))
START, END = 10_000.0, 20_000.0


def logged(
    request_id: str = "", at: float = 15_010.0, tokens: tuple[int | None, int | None] = (100, 20), model: str = "m"
) -> LoggedRequest:
    return LoggedRequest(request_id, model, at - 10, at, *tokens, 50, 100_000)


def recorded(
    record_id: str = "r",
    request_id: str = "",
    at: float = 15_000.0,
    tokens: tuple[int | None, int | None] = (100, 20),
    model: str = "m",
    **fields: bool,
) -> RecordedRequest:
    return RecordedRequest(
        record_id, request_id, model, at, 10.0, *tokens, None if None in tokens else 100_000, **fields
    )


def compare(log: list[LoggedRequest], records: list[RecordedRequest], *, is_truncated: bool = False) -> Reconciliation:
    return reconcile(RequestLog(tuple(log), is_truncated), records, UNIT, START, END)


def pairs(result: Reconciliation) -> list[tuple[str, str, bool]]:
    return [(match.logged.request_id, match.recorded.id, match.is_guess) for match in result.matches]


def test_requests_are_matched_by_id_whatever_else_differs():
    result = compare(
        [logged("a", 14_000.0, (7, 7), "other"), logged("b")], [recorded("r1", "b"), recorded("r2", "a", 14_500.0)]
    )
    assert pairs(result) == [("b", "r1", False), ("a", "r2", False)]
    assert (result.only_logged, result.only_recorded, result.unmatched_share) == ((), (), 0.0)
    assert [match.differs for match in result.matches] == [False, True]
    assert result.matches[0].rounding == 2000


def test_each_side_keeps_what_the_other_lacks():
    result = compare([logged("a"), logged("x")], [recorded("r1", "a"), recorded("r2", "y")])
    assert pairs(result) == [("a", "r1", False)]
    assert [request.request_id for request in result.only_logged] == ["x"]
    assert [request.id for request in result.only_recorded] == ["r2"]
    assert result.unmatched_share == pytest.approx(2 / 3)


def test_a_repeated_id_is_matched_once():
    result = compare([logged("a")], [recorded("r1", "a"), recorded("r2", "a")])
    assert pairs(result) == [("a", "r1", False)]
    assert [request.id for request in result.only_recorded] == ["r2"]


@pytest.mark.parametrize(
    ("entry", "is_matched"),
    [
        (logged(), True),
        (logged(model="openai/M"), True),
        (logged(at=15_000.0 - TIME_WINDOW), True),
        (logged(at=15_010.0 + TIME_WINDOW), True),
        (logged(at=15_010.0 + TIME_WINDOW + 1), False),
        (logged(at=15_000.0 - TIME_WINDOW - 1), False),
        (logged(model="n"), False),
        (logged(tokens=(100, 21)), False),
        (logged(tokens=(101, 20)), False),
        (logged(tokens=(None, 20)), True),
        (logged(tokens=(None, None)), False),
        # Its id is of another kind than ours, as no id matches.
        (logged("2026abc"), True),
    ],
)
def test_without_ids_model_tokens_and_time_are_a_guess(entry, is_matched):
    result = compare([entry], [recorded("r", "chatcmpl-1")])
    assert pairs(result) == ([(entry.request_id, "r", True)] if is_matched else [])
    assert result.unmatched_count == (0 if is_matched else 2)


def test_where_ids_match_two_different_ids_are_two_requests():
    result = compare([logged("a"), logged("b")], [recorded("r1", "a"), recorded("r2", "c")])
    assert pairs(result) == [("a", "r1", False)]
    assert result.unmatched_count == 2
    result = compare([logged("a"), logged("")], [recorded("r1", "a"), recorded("r2", "c")])
    assert pairs(result) == [("a", "r1", False), ("", "r2", True)]


def test_equal_requests_are_matched_with_the_nearest_in_time():
    log = [logged(at=15_110.0), logged(at=15_010.0), logged(at=15_060.0)]
    records = [recorded("r1", at=15_000.0), recorded("r2", at=15_050.0), recorded("r3", at=15_100.0)]
    matches = {match.recorded.id: match.logged.ended_at for match in compare(log, records).matches}
    assert matches == {"r1": 15_010.0, "r2": 15_060.0, "r3": 15_110.0}


def test_a_request_without_counts_is_matched_with_an_only_candidate():
    stopped = recorded("r", tokens=(None, None))
    assert pairs(compare([logged()], [stopped])) == [("", "r", True)]
    assert pairs(compare([logged(), logged(at=15_020.0)], [stopped])) == []
    assert pairs(compare([logged()], [stopped, recorded("s", at=15_001.0, tokens=(None, None))])) == []


def test_failures_before_output_and_unbilled_rows_of_one_side_are_left_out():
    failure = LoggedRequest("a", "m", 15_000.0, 15_001.0, 0, 0, 0, 0)
    result = compare([failure], [recorded("r", "b", tokens=(None, None), failed_before_output=True)])
    assert result == Reconciliation()
    result = compare([failure], [recorded("r", "a", tokens=(None, None), failed_before_output=True)])
    assert pairs(result) == [("a", "r", False)]
    assert not result.matches[0].differs


def test_only_requests_of_the_period_count_and_those_around_it_are_counterparts():
    log = [logged("a", END + 5), logged("b", START - 100), logged("c", END + 500)]
    records = [recorded("r1", "a", END - 5), recorded("r2", "d", START - 50), recorded("r3", "e", END)]
    result = compare(log, records)
    assert pairs(result) == [("a", "r1", False)]
    assert result.unmatched_count == 0


def test_requests_older_than_a_truncated_log_are_counted_and_not_compared():
    records = [recorded("old", "x", 12_000.0), recorded("new", "y", 16_000.0)]
    result = compare([logged("a", 14_000.0)], records, is_truncated=True)
    assert ([request.id for request in result.only_recorded], result.uncompared_count) == (["new"], 1)
    result = compare([logged("a", 14_000.0)], records)
    assert ([request.id for request in result.only_recorded], result.uncompared_count) == (["new", "old"], 0)


ids = st.sampled_from(["", "a", "b", "c"])
times = st.floats(START - 500, END + 500)
tokens = st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 2))


@given(
    st.lists(st.builds(logged, ids.filter(lambda value: not value) | st.uuids().map(str), times, tokens), max_size=8),
    st.lists(st.tuples(ids, times, tokens), max_size=8),
)
def test_no_request_is_matched_or_listed_twice(log, rows):
    records = [recorded(f"r{number}", *row) for number, row in enumerate(rows)]
    result = compare(log, records)
    own = [match.recorded.id for match in result.matches] + [request.id for request in result.only_recorded]
    theirs = [id(match.logged) for match in result.matches] + [id(request) for request in result.only_logged]
    assert len(own) == len(set(own)) <= len(records)
    assert len(theirs) == len(set(theirs)) <= len(log)
