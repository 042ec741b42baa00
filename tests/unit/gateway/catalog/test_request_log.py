"""The gateway's log of requests: rows of all versions, and an error for what is no log."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config.settings import Settings
from lib.core import errors
from lib.core.pricing import BillingUnit
from lib.core.reconciliation import LoggedRequest, RequestLog
from lib.gateway.catalog.request_log import parse_request_log
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay

UNIT = BillingUnit("USD", Decimal(1), Decimal(500_000))
KEY = "sk-0c1be94d77aa"
ROW: dict[str, Any] = {
    "id": 1,
    "created_at": 1_790_000_010,
    "type": 2,
    "content": "",
    "model_name": "claude-x",
    "quota": 500,
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "use_time": 10,
    "is_stream": True,
    "group": "default",
    "request_id": "2026abc",
    "other": "{}",
}
REQUEST = LoggedRequest("2026abc", "claude-x", 1_790_000_000.0, 1_790_000_010.0, 100, 20, 500, 1_000_000)


def parse(*rows: Any, unit: BillingUnit = UNIT) -> tuple[LoggedRequest, ...]:
    return parse_request_log(json.dumps({"success": True, "message": "", "data": rows}), unit).requests


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


def test_row_of_new_api():
    assert parse(ROW) == (REQUEST,)


@pytest.mark.parametrize(
    "body",
    [
        [ROW],
        {"data": [ROW]},
        {"success": True, "data": {"items": [ROW], "total": 1, "page": 1}},
        {"success": True, "data": {"logs": [ROW]}},
    ],
)
def test_list_is_found_in_every_shape(body):
    assert parse_request_log(json.dumps(body), UNIT) == RequestLog((REQUEST,))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Names and types of other versions.
        ({**without("request_id"), "requestId": "2026abc"}, REQUEST),
        ({**without("request_id"), "other": json.dumps({"request_id": "2026abc"})}, REQUEST),
        ({**without("request_id"), "other": {"request_id": "2026abc"}}, REQUEST),
        ({**without("type")}, REQUEST),
        ({**without("model_name"), "model": "claude-x"}, REQUEST),
        ({**ROW, "created_at": 1_790_000_010_000}, REQUEST),
        ({**ROW, "created_at": "1790000010"}, REQUEST),
        ({**ROW, "created_at": "2026-09-21T14:13:30Z"}, REQUEST),
        ({**ROW, "quota": "500", "prompt_tokens": "100", "completion_tokens": 20.0}, REQUEST),
        ({**ROW, "other": "not json"}, REQUEST),
        ({**ROW, "other": None}, REQUEST),
    ],
)
def test_row_of_other_versions(row, expected):
    assert parse(row) == (expected,)


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        (without("request_id"), "request_id", ""),
        ({**ROW, "request_id": None}, "request_id", ""),
        ({**ROW, "request_id": "a\n b" + "c" * 500}, "request_id", "a b" + "c" * 125),
        (without("quota"), "cost", None),
        (without("use_time"), "started_at", 1_790_000_010.0),
        (without("prompt_tokens"), "input", None),
        ({**ROW, "prompt_tokens": -5}, "input", None),
        ({**ROW, "prompt_tokens": True}, "input", None),
        ({**ROW, "quota": 10**40}, "quota", None),
        (without("created_at"), "ended_at", None),
        ({**ROW, "created_at": "yesterday"}, "ended_at", None),
        # Claude's own count leaves the cache out, others include it.
        ({**ROW, "other": '{"claude":true,"cache_tokens":40,"cache_creation_tokens":60}'}, "input", 200),
        ({**ROW, "other": '{"cache_tokens":40}'}, "input", 100),
    ],
)
def test_missing_and_implausible_fields_are_unknown(row, field, value):
    (request,) = parse(row)
    assert getattr(request, field) == value


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "type": 1},
        {**ROW, "type": 3},
        {**ROW, "type": 4},
        {**ROW, "type": 7},
        {**without("request_id"), "created_at": None},
        {**without("request_id"), "model_name": ""},
        {},
        None,
        7,
        "row",
    ],
)
def test_rows_about_anything_else_are_left_out(row):
    assert parse(row, ROW) == (REQUEST,)


def test_rows_of_one_request_are_added_up():
    failed = {**ROW, "type": 5, "quota": 0, "prompt_tokens": 0, "completion_tokens": 0, "created_at": 1_790_000_000}
    refund = {**ROW, "type": 6, "quota": 200, "prompt_tokens": 0, "completion_tokens": 0, "use_time": 0}
    (request,) = parse(ROW, failed, refund)
    assert (request.input, request.output, request.quota, request.cost) == (100, 20, 300, 600_000)
    assert (request.started_at, request.ended_at) == (1_789_999_990.0, 1_790_000_010.0)
    assert len(parse(without("request_id"), without("request_id"))) == 2


def test_cost_is_unknown_without_a_rate():
    (request,) = parse(ROW, unit=BillingUnit())
    assert (request.quota, request.cost) == (500, None)


@pytest.mark.parametrize(("count", "is_truncated"), [(0, False), (99, False), (100, True), (150, False), (1000, True)])
def test_a_round_number_of_rows_is_a_truncated_log(count, is_truncated):
    rows = [{**ROW, "request_id": f"r{number}"} for number in range(count)]
    result = parse_request_log(json.dumps({"success": True, "data": rows}), UNIT)
    assert (len(result.requests), result.is_truncated) == (count, is_truncated)


def test_null_stands_for_a_key_without_requests():
    assert parse_request_log('{"success":true,"message":"","data":null}', UNIT) == RequestLog(())


@pytest.mark.parametrize(
    "body", ["", "<html>", "7", "null", "{}", '{"data":{}}', '{"data":"x"}', '{"success":true}', "[" * 99_999]
)
def test_body_without_a_list_is_an_invalid_response(body):
    with pytest.raises(errors.InvalidResponse):
        parse_request_log(body, UNIT)


def test_refusal_with_status_200_quotes_the_gateway():
    with pytest.raises(errors.InvalidResponse) as caught:
        parse_request_log('{"success":false,"message":"无效的令牌"}', UNIT)
    assert caught.value.detail == "无效的令牌"
    with pytest.raises(errors.InvalidResponse) as caught:
        parse_request_log('{"success":false,"message":"no \\ud83d"}', UNIT)
    assert caught.value.detail == "no \ufffd"


def test_the_key_is_in_a_header_only_and_in_no_row():
    row = {**ROW, "model_name": f"x {KEY}", "content": KEY}
    with Replay() as replay:
        replay.serve("/api/log/token", Canned(json.dumps({"success": True, "data": [row]}).encode(), headers=JSON))
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        result = gateway.fetch_request_log(UNIT)
        gateway.close()
    assert [(request.path, request.headers["authorization"]) for request in replay.requests] == [
        ("/api/log/token", f"Bearer {KEY}")
    ]
    assert result.requests[0].model == "x …"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), json_values, max_size=6), max_size=3))
def test_arbitrary_rows_are_parsed_or_left_out(rows):
    for request in parse(*rows):
        assert request.request_id or (request.model and request.ended_at)
