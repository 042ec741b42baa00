"""Cost of usage: exact, rounded once, unknown without price or counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.context import window
from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.usage import cost
from lib.core.conversation import Message, Node, TextPart, Usage
from lib.core.params import Params
from lib.core.pricing import LONG_CONTEXT_TOKENS, NANOS_PER_DOLLAR, ModelPrice, Price
from lib.core.target import Target

CLAUDE = ModelPrice(Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")), "library")

token_counts = st.integers(0, 3 * 10**5)
prices = st.decimals(0, 100, places=6)


def test_cost_uses_the_price_of_each_token_kind():
    # The input count includes 100 uncached, 1,000 cached and 200 written tokens.
    usage = Usage(input=1300, output=10, cache_read=1000, cache_write=200, reasoning=8)
    assert cost.calculate_cost(usage, CLAUDE) == 300_000 + 300_000 + 750_000 + 150_000


@pytest.mark.parametrize(
    ("price", "rate_5m", "rate_1h"),
    [
        (Price(Decimal(4), Decimal(20)), 5, 8),  # 1.25 and 2 times the input
        (Price(Decimal(4), Decimal(20), cache_write=Decimal(10)), 10, 16),  # as gateways extend their own price
        (Price(Decimal(4), Decimal(20), cache_write_1h=Decimal(7)), 5, 7),
        (Price(Decimal(4), Decimal(20), cache_write=Decimal(1), cache_write_1h=Decimal(0)), 1, 0),
    ],
)
def test_cache_writes_of_one_hour_have_their_own_price(price, rate_5m, rate_1h):
    usage = Usage(input=100 + 200 + 30, output=0, cache_write=230, cache_write_1h=30)
    expected = (100 * 4 + 200 * rate_5m + 30 * rate_1h) * 1000
    assert cost.calculate_cost(usage, ModelPrice(price, "settings")) == expected


def test_cache_writes_without_lifetimes_cost_as_input_unless_their_price_is_listed():
    price = Price(Decimal(4), Decimal(20))
    assert cost.calculate_cost(Usage(100, 0, cache_write=50), ModelPrice(price, "settings")) == 400_000
    assert (
        cost.calculate_cost(Usage(100, 0, cache_write=50, cache_write_1h=0), ModelPrice(price, "settings")) == 450_000
    )


def test_web_searches_cost_the_listed_price_or_the_usual_one():
    price = Price(Decimal(4), Decimal(20))
    assert cost.calculate_cost(Usage(0, 0, searches=3), ModelPrice(price, "settings")) == 30_000_000
    listed = replace(price, per_search=Decimal("0.0025"))
    assert cost.calculate_cost(Usage(1, 0, searches=3), ModelPrice(listed, "settings")) == 7_500_000 + 4_000


def test_the_bound_of_a_request_has_its_searches_and_their_results():
    estimate = ContextEstimate(1_000, None, True)
    plain, searching = (cost.max_usage(estimate, Params(max_tokens=100), 100, searches) for searches in (0, 3))
    assert (plain.searches, searching.searches) == (None, 3)
    assert (searching.input or 0) - (plain.input or 0) == 3 * cost.SEARCH_RESULT_TOKENS
    free = ModelPrice(Price(Decimal(0), Decimal(0)), "settings")
    assert (cost.max_cost(plain, free), cost.max_cost(searching, free)) == (0, 30_000_000)


def test_a_lifetime_with_more_tokens_than_were_written_is_bounded():
    price = ModelPrice(Price(Decimal(4), Decimal(20)), "settings")
    assert cost.calculate_cost(Usage(100, 0, cache_write=50, cache_write_1h=90), price) == (50 * 4 + 50 * 8) * 1000


@pytest.mark.parametrize("usage", [Usage(), Usage(10), Usage(output=10), Usage(cache_read=5)])
def test_cost_is_unknown_without_input_and_output_counts(usage):
    assert cost.calculate_cost(usage, CLAUDE) is None


def test_cost_is_unknown_without_a_price_and_zero_for_a_free_model():
    assert cost.calculate_cost(Usage(10, 10), None) is None
    assert cost.calculate_cost(Usage(10, 10), ModelPrice(Price(Decimal(0), Decimal(0)), "settings")) == 0


def test_cost_of_implausible_counts_is_unknown():
    assert cost.calculate_cost(Usage(2**52, 2**52), CLAUDE) is None


def test_cost_is_rounded_half_up_once():
    model_price = ModelPrice(Price(Decimal("0.0005"), Decimal("0.0001")), "settings")
    assert cost.calculate_cost(Usage(1, 0), model_price) == 1
    assert cost.calculate_cost(Usage(1, 4), model_price) == 1  # 0.5 + 0.4
    assert cost.calculate_cost(Usage(0, 4), model_price) == 0
    assert cost.calculate_cost(Usage(3, 0), model_price) == 2


@given(
    token_counts,
    token_counts,
    token_counts,
    token_counts,
    prices,
    prices,
    st.none() | prices,
    st.none() | prices,
    prices,
)
def test_cost_equals_exact_fractions(
    uncached_tokens,
    read_tokens,
    written_tokens,
    output_tokens,
    input_price,
    output_price,
    read_price,
    write_price,
    request_price,
):
    usage = Usage(uncached_tokens + read_tokens + written_tokens, output_tokens, read_tokens, written_tokens)
    price = Price(input_price, output_price, read_price, write_price, request_price)
    priced_counts = (
        (uncached_tokens, input_price),
        (read_tokens, input_price if read_price is None else read_price),
        (written_tokens, input_price if write_price is None else write_price),
        (output_tokens, output_price),
    )
    exact = (
        sum(Fraction(count) * Fraction(token_price) * 1000 for count, token_price in priced_counts)
        + Fraction(request_price) * NANOS_PER_DOLLAR
    )
    assert cost.calculate_cost(usage, ModelPrice(price, "settings")) == int(exact + Fraction(1, 2))


def test_long_requests_use_the_long_context_price():
    model_price = replace(CLAUDE, long_context_price=Price(Decimal(6), Decimal(15)))
    assert cost.calculate_cost(Usage(LONG_CONTEXT_TOKENS, 0), model_price) == LONG_CONTEXT_TOKENS * 3_000
    assert cost.calculate_cost(Usage(LONG_CONTEXT_TOKENS + 1, 0), model_price) == (LONG_CONTEXT_TOKENS + 1) * 6_000


def test_reasoning_tokens_can_have_their_own_price():
    model_price = ModelPrice(Price(Decimal(1), Decimal(2), reasoning=Decimal(4)), "library")
    assert cost.calculate_cost(Usage(0, 100, reasoning=60), model_price) == (60 * 4 + 40 * 2) * 1000
    assert cost.calculate_cost(Usage(0, 100, reasoning=500), model_price) == 100 * 4 * 1000
    assert cost.calculate_cost(Usage(0, 100), model_price) == 100 * 2 * 1000
    assert cost.max_cost(Usage(0, 100), model_price) == 100 * 4 * 1000


@pytest.mark.parametrize(
    ("estimate", "params", "input_tokens", "output_tokens"),
    [
        (ContextEstimate(5000, None, False), Params(), 5000, DEFAULT_ANSWER_TOKENS),
        (ContextEstimate(5000 + 300, None, True), Params(max_tokens=300), 5000, 300),
        (ContextEstimate(700, 800, True), Params(), 600, 100),
        (ContextEstimate(5000 + 300, None, True), Params(max_tokens=300, n=3), 5000, 900),
    ],
)
def test_expected_usage_of_the_next_request(estimate, params, input_tokens, output_tokens):
    assert cost.expected_usage(estimate, params) == Usage(input_tokens, output_tokens)


@given(st.text(max_size=2_000), st.integers(1, 9), st.none() | st.integers(1, 9_000))
def test_max_usage_is_at_least_expected_usage(text, n, max_tokens):
    path = [Node("q", None, Message("user", (TextPart(text),)), 1.0)]
    params = Params(max_tokens=max_tokens, n=n)
    estimate = window.estimate_context(path, "", params, Target("m", "openai"), None)
    expected, reserved = cost.expected_usage(estimate, params), cost.max_usage(estimate, params)
    # An estimate may be a fifth too low.
    assert reserved.input * 0.8 >= expected.input
    assert reserved.output == expected.output == (max_tokens or DEFAULT_ANSWER_TOKENS) * n


def test_max_cost_uses_the_cache_write_price_when_it_is_higher():
    cached_price = ModelPrice(Price(Decimal(1), Decimal(4), Decimal("0.1"), Decimal("1.25")), "settings")
    assert cost.max_cost(Usage(1000, 10), cached_price) == 1000 * 1250 + 10 * 4000
    assert (
        cost.max_cost(Usage(1000, 10), replace(cached_price, base_price=Price(Decimal(1), Decimal(4))))
        == 1000 * 1000 + 10 * 4000
    )
    assert cost.max_cost(Usage(1000, 10), None) is None


@pytest.mark.parametrize(
    ("params", "dollars_per_million"),
    [
        (Params(), 1),
        (Params(cache="5m"), Decimal("1.25")),
        (Params(cache="1h"), 2),
        (Params(extra='{"tools": [{"cache_control": {"type": "ephemeral", "ttl": "1h"}}]}'), 2),
    ],
)
def test_max_cost_covers_the_lifetime_of_the_cache_that_is_asked_for(params, dollars_per_million):
    estimate = ContextEstimate(1000, None, is_counted=True)
    bound = cost.max_usage(estimate, params)
    price = ModelPrice(Price(Decimal(1), Decimal(0)), "settings")
    assert cost.max_cost(bound, price) == bound.input * dollars_per_million * 1000
