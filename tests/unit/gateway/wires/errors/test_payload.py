"""Error bodies of vendors and proxies: codes, and the message that says most."""

import json
from typing import Any

import pytest

from lib.gateway.wires.errors.payload import answers_with_message, parse_error_payload

UPSTREAM = {"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}


@pytest.mark.parametrize(
    ("payload", "codes", "message"),
    [
        # OpenRouter, claude-code-hub, gateways of companies
        (
            {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": json.dumps(UPSTREAM)}}},
            ("invalid_request_error", "400"),
            "Provider returned error: too long",
        ),
        (
            {"error": {"type": "request_fail", "upstream_error": UPSTREAM}},
            ("invalid_request_error", "request_fail"),
            "too long",
        ),
        (
            {"error": {"cause": json.dumps(UPSTREAM), "message": "failed"}},
            ("invalid_request_error",),
            "failed: too long",
        ),
        # Gemini
        (
            {"error": {"code": 400, "message": "no", "status": "INVALID", "details": [{"reason": "API_KEY_INVALID"}]}},
            ("400", "INVALID", "API_KEY_INVALID"),
            "no",
        ),
        ([{"error": {"code": 429, "message": "no"}}], ("429",), "no"),
        # MiniMax, Baidu, Cloudflare, DashScope, Spark
        ({"base_resp": {"status_code": 1008, "status_msg": "no"}}, ("1008",), "no"),
        ({"error_code": 17, "error_msg": "no"}, ("17",), "no"),
        ({"errors": [{"code": 7003, "message": "no"}]}, ("7003",), "no"),
        ({"code": "Arrearage", "message": "no", "request_id": "x"}, ("Arrearage",), "no"),
        ({"header": {"code": 10013, "message": "no"}}, ("10013",), "no"),
        # Tencent and Volcengine, gateways that wrap what they got, and lists of words
        ({"Response": {"Error": {"Code": "X", "Message": "no"}}}, ("X",), "no"),
        ({"ResponseMetadata": {"Error": {"Code": "X", "Message": "no"}, "RequestId": "r"}}, ("X",), "no"),
        ({"error": {"error": {"message": "no", "code": 7}}}, ("7",), "no"),
        ({"success": False, "data": {"code": 7, "message": "no"}}, ("7",), "no"),
        ({"detail": {"error": "no", "code": "X"}}, ("X",), "no"),
        ({"error": {"msg": "no"}}, (), "no"),
        ({"errors": ["no", "never"]}, (), "no, never"),
        ({"statusCode": 403, "message": "no"}, ("403",), "no"),
    ],
)
def test_codes_and_message(payload: Any, codes: tuple[str, ...], message: str) -> None:
    assert parse_error_payload(payload) == (codes, message)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"msg": "no"}, True),
        ({"detail": [{"msg": "no"}]}, True),
        ({"success": False}, True),
        ({"base_resp": {"status_msg": "no"}}, True),
        ({"Response": {"Error": {"Message": "no"}}}, True),
        ({"err": "no"}, True),
        ({"data": {"title": "A page"}}, False),
        ({"type": "message_start", "message": {"content": []}}, False),
        ({"choices": [], "usage": {}}, False),
        ({"message": ""}, False),
        ({"error": {}}, False),
        ({}, False),
    ],
)
def test_payload_that_says_something(payload: dict[str, Any], expected: bool) -> None:
    assert answers_with_message(payload) is expected
