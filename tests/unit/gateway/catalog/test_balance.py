"""Balance of a key: parsed to the last digit, or an error."""

from __future__ import annotations

import json

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, Balance
from lib.core.target import Target
from lib.gateway.catalog.balance import SUBSCRIPTION_PATH, USAGE_PATH, parse_balance
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
    + ['{"total_usage":NaN}', '{"total_usage":true}'],
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


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_demo_counts_its_usage(wire):
    server = FakeGateway(pace=500)
    gateway = Gateway(Settings(base_url=server.url))
    assert gateway.fetch_balance() == Balance(0, 20 * NANOS_PER_DOLLAR)
    question = [Message("user", (TextPart("Why?"),))]
    list(gateway.stream(Target("demo-crlf", wire), question, Params(), CancelToken()))
    assert soon(lambda: gateway.fetch_balance().used > 0)
    balance = gateway.fetch_balance()
    assert balance.remaining == 20 * NANOS_PER_DOLLAR - balance.used
    gateway.close()
    server.close()
