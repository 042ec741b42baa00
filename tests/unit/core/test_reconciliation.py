"""Differences between the gateway's log and the usage records."""

import pytest

from lib.core.reconciliation import LoggedRequest, Reconciliation, RecordedRequest, RequestMatch


def build_match(
    logged: tuple[int | None, int | None, int | None], recorded: tuple[int | None, int | None, int | None]
) -> RequestMatch:
    (input_logged, output_logged, cost_logged), (input_recorded, output_recorded, cost_recorded) = logged, recorded
    return RequestMatch(
        LoggedRequest("1", "m", 1.0, 2.0, input_logged, output_logged, 7, cost_logged),
        RecordedRequest("r", "1", "m", 1.0, 1.0, input_recorded, output_recorded, cost_recorded),
        rounding=2000,
    )


@pytest.mark.parametrize(
    ("logged", "recorded", "differs"),
    [
        ((10, 20, 50_000), (10, 20, 50_000), False),
        ((10, 20, 50_000), (10, 20, 51_999), False),
        ((10, 20, 50_000), (10, 20, 53_000), True),
        ((10, 20, 50_000), (10, 20, None), True),
        ((10, 20, None), (10, 20, 50_000), False),
        ((11, 20, 50_000), (10, 20, 50_000), True),
        ((10, 320, 50_000), (10, 20, 50_000), True),
        ((10, 20, 50_000), (None, None, None), True),
        ((None, None, None), (10, 20, 50_000), False),
        ((0, 0, 0), (None, None, None), False),
    ],
)
def test_difference_is_a_number_that_differs_or_that_only_the_gateway_knows(logged, recorded, differs):
    assert build_match(logged, recorded).differs is differs


def test_differences_are_the_gateways_count_less_ours():
    match = build_match((11, 320, 90_000), (10, 20, 50_000))
    assert (match.input_difference, match.output_difference, match.cost_difference) == (1, 300, 40_000)


def test_unmatched_share_counts_both_sides():
    match = build_match((1, 1, 1), (1, 1, 1))
    assert Reconciliation((match, match), (match.logged,), (match.recorded,)).unmatched_share == 0.5
    assert Reconciliation().unmatched_share == 0.0
