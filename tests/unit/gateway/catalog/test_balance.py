"""What a gateway counts for its key: read to the last digit, or refused with a reason."""

from __future__ import annotations

import json

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, Balance
from lib.core.target import Target
from lib.gateway.catalog import balance
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay, soon

KEY = "sk-77aa0c1be94d"
GRANTED = '{"object":"billing_subscription","hard_limit_usd":12.5}'


def test_dollars_granted_and_cents_used_are_one_balance():
    told = balance.parse_balance(GRANTED, '{"object":"list","total_usage":123.456789}')
    assert told == Balance(1_234_567_890, 12_500_000_000)
    assert told.remaining == 11_265_432_110


def test_a_key_without_a_limit_has_nothing_left_to_tell():
    told = balance.parse_balance('{"hard_limit_usd":100000000}', '{"total_usage":0}')
    assert (told.limit, told.remaining) == (None, None)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "[1]", '{"error":{"message":"no"}}', '{"total_usage":"12"}', '{"total_usage":1e99}']
    + ['{"total_usage":NaN}', '{"total_usage":true}'],
)
def test_what_is_no_count_is_refused(body):
    with pytest.raises(errors.InvalidResponse):
        balance.parse_balance(GRANTED, body)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Canned(status=404, headers=JSON), "not_offered"),
        (Canned(b'{"error":{"message":"bad key ' + KEY.encode() + b'"}}', 401, JSON), "key_refused"),
        (Canned(b'{"error":{"message":"' + KEY.encode() + b'"}}', headers=JSON), "unreadable"),
        (Canned(reset=True), "unreachable"),
    ],
)
def test_what_goes_wrong_has_a_code_and_never_the_key(answer, code):
    with Replay() as replay:
        replay.serve(balance.SUBSCRIPTION_PATH, answer)
        replay.serve(balance.USAGE_PATH, answer)
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        with pytest.raises(errors.AnswerError) as refused:
            gateway.fetch_balance()
        gateway.close()
    assert refused.value.code == code
    assert KEY not in str(refused.value) + refused.value.detail


def test_the_key_goes_along_in_a_header_and_in_no_address():
    with Replay() as replay:
        replay.serve(balance.SUBSCRIPTION_PATH, Canned(GRANTED.encode(), headers=JSON))
        replay.serve(balance.USAGE_PATH, Canned(json.dumps({"total_usage": 50}).encode(), headers=JSON))
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        assert gateway.fetch_balance() == Balance(NANOS_PER_DOLLAR // 2, 12_500_000_000)
        gateway.close()
    assert [request.headers["authorization"] for request in replay.requests] == [f"Bearer {KEY}"] * 2
    assert not any(KEY in request.path for request in replay.requests)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_demo_counts_what_it_has_said(wire):
    server = FakeGateway(pace=500)
    gateway = Gateway(Settings(base_url=server.url))
    assert gateway.fetch_balance() == Balance(0, 20 * NANOS_PER_DOLLAR)
    question = [Message("user", (TextPart("Why?"),))]
    list(gateway.stream(Target("demo-crlf", wire), question, Params(), CancelToken()))
    assert soon(lambda: gateway.fetch_balance().used > 0)
    told = gateway.fetch_balance()
    assert told.remaining == 20 * NANOS_PER_DOLLAR - told.used
    gateway.close()
    server.close()
