"""Votes of comparisons: results by group, and the interval of a win rate."""

from __future__ import annotations

import pytest

from lib.core.comparisons import Column, Comparison, Standing, Vote, count_votes, wilson_interval
from lib.core.target import Target, Wire


def compare(vote: Vote | None, *targets: tuple[str, Wire]) -> Comparison:
    columns = tuple(Column(f"c{n}", f"q{n}", Target(*target)) for n, target in enumerate(targets))
    return Comparison("k", "Why?", 1.0, columns, vote=vote)


ONE, TWO, ONE_OTHER = ("m-one", "openai"), ("m-two", "openai"), ("m-one", "anthropic")


def test_each_model_has_one_result_in_a_comparison():
    comparisons = [
        compare(Vote("best", 0), ONE, TWO),
        compare(Vote("best", 2), ONE, TWO, ONE_OTHER),
        compare(Vote("tie"), TWO, ONE),
        compare(Vote("bad"), TWO, ONE),
        compare(None, ONE, TWO),
        # Nothing but the wire differs.
        compare(Vote("best", 1), ONE, ONE_OTHER),
    ]
    assert count_votes(comparisons, lambda target: target.model) == [
        Standing("m-one", 2, 1, 1),
        Standing("m-two", 0, 1, 3),
    ]
    by_wire = count_votes(comparisons, lambda target: target.wire)
    assert by_wire == [Standing("anthropic", 2, 0, 0), Standing("openai", 0, 0, 3)]
    assert count_votes([], lambda target: target) == []


def test_the_win_rate_counts_a_tie_as_half_a_win():
    standing = Standing("m", 6, 2, 2)
    assert (standing.count, standing.win_rate) == (10, 0.7)
    assert standing.interval == pytest.approx((0.3968, 0.8922), abs=1e-4)


@pytest.mark.parametrize(
    ("rate", "count", "bounds"),
    # By R's binom.confint(method = "wilson").
    [(0.0, 1, (0.0, 0.7935)), (1.0, 1, (0.2065, 1.0)), (0.5, 100, (0.4038, 0.5962)), (1.0, 10, (0.7225, 1.0))],
)
def test_the_interval_is_wilsons(rate, count, bounds):
    assert wilson_interval(rate, count) == pytest.approx(bounds, abs=1e-4)


def test_a_blind_comparison_is_hidden_until_the_vote():
    column = Column("c", "q", Target("m", "openai"))
    assert Comparison("k", "Why?", 1.0, (column,), is_blind=True).is_hidden
    assert not Comparison("k", "Why?", 1.0, (column,), is_blind=True, vote=Vote("bad")).is_hidden
    assert not Comparison("k", "Why?", 1.0, (column,)).is_hidden
