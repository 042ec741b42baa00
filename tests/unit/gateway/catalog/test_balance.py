"""Balance of a key: parsed to the last digit, or an error."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, Balance, BillingUnit
from lib.core.target import Target
from lib.gateway.catalog.balance import (
    SUBSCRIPTION_PATH,
    USAGE_PATH,
    default_billing_unit,
    parse_balance,
    parse_billing_unit,
)
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay, soon

KEY = "sk-77aa0c1be94d"
SUBSCRIPTION = '{"object":"billing_subscription","hard_limit_usd":12.5}'


def test_balance_of_dollars_granted_and_cents_used():
    balance = parse_balance(SUBSCRIPTION, '{"object":"list","total_usage":123.456789}')
    assert balance == Balance(1_234_567_890, 12_500_000_000)
    assert balance.remaining == 11_265_432_110


def test_key_without_a_limit_has_no_remaining_amount():
    balance = parse_balance('{"hard_limit_usd":100000000}', '{"total_usage":0}')
    assert (balance.limit, balance.remaining) == (None, None)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "[1]", '{"error":{"message":"no"}}', '{"total_usage":"12"}', '{"total_usage":1e99}']
    + ['{"total_usage":NaN}', '{"total_usage":true}', '{"total_usage":1e99999999999999999999}'],
)
def test_body_without_an_amount_is_an_invalid_response(body):
    with pytest.raises(errors.InvalidResponse):
        parse_balance(SUBSCRIPTION, body)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Canned(status=404, headers=JSON), "not_offered"),
        (Canned(b'{"error":{"message":"bad key ' + KEY.encode() + b'"}}', 401, JSON), "key_refused"),
        (Canned(b'{"error":{"message":"' + KEY.encode() + b'"}}', headers=JSON), "unreadable"),
        (Canned(reset=True), "unreachable"),
    ],
)
def test_errors_have_a_code_and_no_key(response, code):
    with Replay() as replay:
        replay.serve(SUBSCRIPTION_PATH, response)
        replay.serve(USAGE_PATH, response)
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        with pytest.raises(errors.AnswerError) as caught:
            gateway.fetch_balance()
        gateway.close()
    assert caught.value.code == code
    assert KEY not in str(caught.value) + caught.value.detail


def test_key_is_sent_in_a_header_and_not_in_the_url():
    with Replay() as replay:
        replay.serve(SUBSCRIPTION_PATH, Canned(SUBSCRIPTION.encode(), headers=JSON))
        replay.serve(USAGE_PATH, Canned(json.dumps({"total_usage": 50}).encode(), headers=JSON))
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        assert gateway.fetch_balance() == Balance(NANOS_PER_DOLLAR // 2, 12_500_000_000)
        gateway.close()
    assert [request.headers["authorization"] for request in replay.requests] == [f"Bearer {KEY}"] * 2
    assert not any(KEY in request.path for request in replay.requests)


DOLLARS = BillingUnit("USD", Decimal(1), Decimal(500_000))
YUAN = BillingUnit("CNY", Decimal("7.3"), Decimal(500_000))
TOKENS = BillingUnit("TOKENS", Decimal(500_000), Decimal(500_000))


@pytest.mark.parametrize(
    ("status", "unit"),
    [
        ({"quota_display_type": "USD", "usd_exchange_rate": 7.3}, DOLLARS),
        ({"quota_display_type": "CNY", "usd_exchange_rate": 7.3}, YUAN),
        ({"quota_display_type": "cny", "usd_exchange_rate": "7.3"}, YUAN),
        ({"quota_display_type": "TOKENS", "usd_exchange_rate": 7.3}, TOKENS),
        # The billing endpoints of new-api state dollars for a custom display currency.
        (
            {"quota_display_type": "CUSTOM", "custom_currency_symbol": "€", "custom_currency_exchange_rate": 0.9},
            DOLLARS,
        ),
        ({"quota_display_type": "CNY", "display_in_currency": True, "usd_exchange_rate": 7.3}, YUAN),
        # one-api, and new-api before the display type.
        ({"display_in_currency": True}, DOLLARS),
        ({"display_in_currency": False}, TOKENS),
        # A unit without a usable rate.
        ({"quota_display_type": "CNY"}, BillingUnit("CNY", None, Decimal(500_000))),
        ({"quota_display_type": "CNY", "usd_exchange_rate": 0}, BillingUnit("CNY", None, Decimal(500_000))),
        ({"quota_display_type": "CNY", "usd_exchange_rate": -7}, BillingUnit("CNY", None, Decimal(500_000))),
        ({"quota_display_type": "CNY", "usd_exchange_rate": "free"}, BillingUnit("CNY", None, Decimal(500_000))),
        ({"quota_display_type": "TOKENS", "quota_per_unit": 0}, BillingUnit("TOKENS")),
        ({"quota_display_type": "EUR"}, BillingUnit("EUR", None, Decimal(500_000))),
        ({"quota_display_type": "CNY", "usd_exchange_rate": 1e-300}, BillingUnit("CNY", None, Decimal(500_000))),
        (
            {"quota_display_type": "USD", "quota_per_unit": 5_000_000},
            BillingUnit("USD", Decimal(1), Decimal(5_000_000)),
        ),
        ({"quota_display_type": "USD", "quota_per_unit": 1e300}, BillingUnit("USD", Decimal(1))),
        # Nothing that names a unit.
        ({"usd_exchange_rate": 7.3}, BillingUnit("", None, Decimal(500_000))),
        ({"quota_display_type": 7}, BillingUnit("", None, Decimal(500_000))),
        ({"quota_display_type": "**dollars**"}, BillingUnit("", None, Decimal(500_000))),
        ({"quota_display_type": "", "display_in_currency": "yes"}, BillingUnit("", None, Decimal(500_000))),
    ],
)
def test_billing_unit_of_a_status(status, unit):
    status = {"quota_per_unit": 500_000, "version": "v1", **status}
    assert parse_billing_unit(json.dumps({"success": True, "data": status})) == unit
    assert parse_billing_unit(json.dumps(status)) == unit


@pytest.mark.parametrize("body", ["", "<html>", "[]", "7", "[" * 99_999])
def test_status_that_is_no_object_is_an_invalid_response(body):
    with pytest.raises(errors.InvalidResponse):
        parse_billing_unit(body)


@pytest.mark.parametrize(
    ("base_url", "unit"),
    [
        ("https://api.deerapi.com", BillingUnit("USD", Decimal(1))),
        ("https://deerapi.com/x", BillingUnit("USD", Decimal(1))),
        ("https://notdeerapi.com", BillingUnit()),
        ("https://api.deerapi.com.example.org", BillingUnit()),
        ("https://gateway.example.org/api.deerapi.com", BillingUnit()),
    ],
)
def test_only_a_documented_host_has_a_unit_without_a_status(base_url, unit):
    assert default_billing_unit(base_url) == unit


@pytest.mark.parametrize(
    "answer", [Canned(status=404, headers=JSON), Canned(b"<html>"), Canned(b"{}"), Canned(reset=True)]
)
def test_unit_without_a_status_is_unknown_and_the_status_gets_no_key(answer):
    with Replay() as replay:
        replay.serve("/api/status", answer)
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        assert gateway.fetch_billing_unit() == BillingUnit()
        gateway.close()
    assert not any(KEY in str(request) for request in replay.requests)


def test_limit_in_tokens_can_exceed_the_sum_of_an_unlimited_key():
    assert parse_balance('{"hard_limit_usd":5e9}', '{"total_usage":3e11}', TOKENS) == Balance(3 * 10**18, 5 * 10**18)
    assert parse_balance('{"hard_limit_usd":100000000}', '{"total_usage":0}', TOKENS).limit is None


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_demo_counts_its_usage(wire):
    server = FakeGateway(pace=500)
    gateway = Gateway(Settings(base_url=server.url))
    assert gateway.fetch_billing_unit() == DOLLARS
    assert gateway.fetch_balance() == Balance(0, 20 * NANOS_PER_DOLLAR)
    question = [Message("user", (TextPart("Why?"),))]
    list(gateway.stream(Target("demo-crlf", wire), question, Params(), CancelToken()))
    assert soon(lambda: gateway.fetch_balance().used > 0)
    balance = gateway.fetch_balance()
    assert balance.remaining == 20 * NANOS_PER_DOLLAR - balance.used
    gateway.close()
    server.close()
