"""Usage times price: exact, rounded once, and unknown where anything of it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.chat.context import window
from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.usage import cost
from lib.core.conversation import Message, Node, TextPart, Usage
from lib.core.params import Params
from lib.core.pricing import LONG_CONTEXT_TOKENS, NANOS_PER_DOLLAR, ModelPrice, Price
from lib.core.target import Target

D = Decimal
CLAUDE = ModelPrice(Price(D(3), D(15), D("0.3"), D("3.75")), "library")

counts = some.integers(0, 3 * 10**5)
amounts = some.decimals(0, 100, places=6)


def test_each_kind_of_token_has_its_price():
    # 100 fresh, 1,000 read, 200 written: the counter of what was sent holds them all.
    usage = Usage(input=1300, output=10, cache_read=1000, cache_write=200, reasoning=8)
    assert cost.calculate_cost(usage, CLAUDE) == 300_000 + 300_000 + 750_000 + 150_000


@pytest.mark.parametrize("usage", [Usage(), Usage(10), Usage(output=10), Usage(cache_read=5)])
def test_without_both_counts_it_is_unknown(usage):
    assert cost.calculate_cost(usage, CLAUDE) is None


def test_without_a_price_it_is_unknown_and_with_one_of_nothing_it_is_nothing():
    assert cost.calculate_cost(Usage(10, 10), None) is None
    assert cost.calculate_cost(Usage(10, 10), ModelPrice(Price(D(0), D(0)), "settings")) == 0


def test_what_no_one_can_have_used_is_unknown():
    assert cost.calculate_cost(Usage(2**52, 2**52), CLAUDE) is None


def test_half_a_nano_dollar_is_rounded_up_and_once():
    tariff = ModelPrice(Price(D("0.0005"), D("0.0001")), "settings")
    assert cost.calculate_cost(Usage(1, 0), tariff) == 1
    assert cost.calculate_cost(Usage(1, 4), tariff) == 1  # 0.5 + 0.4
    assert cost.calculate_cost(Usage(0, 4), tariff) == 0
    assert cost.calculate_cost(Usage(3, 0), tariff) == 2


@given(
    counts, counts, counts, counts, amounts, amounts, some.none() | amounts, some.none() | amounts, amounts
)
def test_it_is_what_fractions_say(fresh, read, wrote, said, sent, out, cached, written, once):
    usage = Usage(fresh + read + wrote, said, read, wrote)
    price = Price(sent, out, cached, written, once)
    parts = (
        (fresh, sent),
        (read, sent if cached is None else cached),
        (wrote, sent if written is None else written),
        (said, out),
    )
    exact = (
        sum(Fraction(count) * Fraction(one) * 1000 for count, one in parts)
        + Fraction(once) * NANOS_PER_DOLLAR
    )
    assert cost.calculate_cost(usage, ModelPrice(price, "settings")) == int(exact + Fraction(1, 2))


def test_more_than_so_many_tokens_have_the_price_of_long_requests():
    tariff = replace(CLAUDE, long_context_price=Price(D(6), D(15)))
    assert cost.calculate_cost(Usage(LONG_CONTEXT_TOKENS, 0), tariff) == LONG_CONTEXT_TOKENS * 3_000
    assert cost.calculate_cost(Usage(LONG_CONTEXT_TOKENS + 1, 0), tariff) == (LONG_CONTEXT_TOKENS + 1) * 6_000


@pytest.mark.parametrize(
    ("need", "params", "sent", "said"),
    [
        (ContextEstimate(5000, None, False), Params(), 5000, DEFAULT_ANSWER_TOKENS),
        (ContextEstimate(5000 + 300, None, True), Params(max_tokens=300), 5000, 300),
        (ContextEstimate(700, 800, True), Params(), 600, 100),
        (ContextEstimate(5000 + 300, None, True), Params(max_tokens=300, n=3), 5000, 900),
    ],
)
def test_what_the_next_request_is_likely_to_be_counted_as(need, params, sent, said):
    assert cost.expected_usage(need, params) == Usage(sent, said)


@given(some.text(max_size=2_000), some.integers(1, 9), some.none() | some.integers(1, 9_000))
def test_what_is_reserved_is_more_than_what_is_likely(text, n, most):
    path = [Node("q", None, Message("user", (TextPart(text),)), 1.0)]
    params = Params(max_tokens=most, n=n)
    need = window.estimate_context(path, "", params, Target("m", "openai"), None)
    about, reserved = cost.expected_usage(need, params), cost.max_usage(need, params)
    # An estimate may be a fifth too low.
    assert reserved.input * 0.8 >= about.input
    assert reserved.output == about.output == (most or DEFAULT_ANSWER_TOKENS) * n


def test_what_it_costs_at_most_is_written_to_the_cache_where_that_is_dearer():
    dear = ModelPrice(Price(D(1), D(4), D("0.1"), D("1.25")), "settings")
    assert cost.max_cost(Usage(1000, 10), dear) == 1000 * 1250 + 10 * 4000
    assert (
        cost.max_cost(Usage(1000, 10), replace(dear, base_price=Price(D(1), D(4)))) == 1000 * 1000 + 10 * 4000
    )
    assert cost.max_cost(Usage(1000, 10), None) is None
