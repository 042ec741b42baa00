"""Classes of errors by wording: messages of vendors, servers and gateways, and others that only look like them."""

import json

import pytest

from lib.core import errors
from lib.gateway.wires.errors import wordings
from lib.gateway.wires.errors.responses import error_from_response, error_from_stream_event
from tests.unit.gateway.wires.errors.messages import (
    CLASSES,
    CONTEXT_TOO_LONG,
    MODEL_NOT_FOUND,
    QUOTA_EXHAUSTED,
    RATE_LIMITED,
)

CASES = [(message, error_class) for error_class, messages in CLASSES.items() for message in messages]


@pytest.mark.parametrize(("message", "error_class"), CASES, ids=[message[:60] for message, _ in CASES])
def test_class_from_message(message: str, error_class: type | None) -> None:
    assert wordings.class_from_message(message) is error_class
    assert wordings.class_from_message(message.upper()) is error_class


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("insufficient_account_balance", errors.QuotaExhausted),
        ("ModelNotFoundException", errors.ModelNotFound),
        ("Throttling.RateQuota", errors.RateLimited),
        ("RESOURCE_EXHAUSTED", errors.RateLimited),
        ("prompt_too_long", errors.ContextTooLong),
        ("token-expired", errors.KeyRejected),
        ("ServerOverloaded", errors.Overloaded),
        ("max_tokens_exceeded", None),
        ("new_api_error", None),
        ("image_too_large", None),
        ("1113", None),
    ],
)
def test_code_is_read_as_words_where_the_message_names_no_class(code: str, error_class: type | None) -> None:
    assert wordings.class_from_code(code) is error_class
    body = json.dumps({"error": {"message": "Something went wrong", "code": code}})
    assert type(error_from_response(400, {}, body)) is (error_class or errors.InvalidRequest)


@pytest.mark.parametrize("kind", ["INVALID_ARGUMENT", "BadRequestError", "InvalidParameter", "validation_error"])
def test_type_of_a_wrong_request_says_less_than_a_status(kind: str) -> None:
    body = {"error": {"message": "Something went wrong", "type": kind}}
    assert type(error_from_stream_event(body)) is errors.InvalidRequest
    assert type(error_from_response(500, {}, json.dumps(body))) is errors.InvalidRequest
    assert type(error_from_response(429, {}, json.dumps(body))) is errors.RateLimited


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        # The message decides over a generic status, a generic type and a code of the gateway's own.
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": CONTEXT_TOO_LONG[0]}}, "context"),
        (
            500,
            {"error": {"type": "new_api_error", "code": "convert_request_failed", "message": CONTEXT_TOO_LONG[0]}},
            "context",
        ),
        (413, {"message": "Request body too large for gpt-4o model. Max size: 8000 tokens."}, "context"),
        (400, {"error": {"message": QUOTA_EXHAUSTED[0], "type": "invalid_request_error"}}, "quota"),
        (429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}, "quota"),
        (401, {"error": {"code": "", "message": "该令牌额度已用尽", "type": "new_api_error"}}, "quota"),
        (503, {"error": {"message": "当前分组 default 下对于模型 x 无可用渠道", "type": "one_api_error"}}, "model"),
        (500, {"error": {"message": "获取渠道失败", "code": "get_channel_failed"}}, "model"),
        (400, {"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT"}}, "key"),
        (400, {"error": {"message": "no", "details": [{"reason": "API_KEY_INVALID"}]}}, "key"),
        (429, {"error": {"message": "当前分组上游负载已饱和，请稍后再试"}}, "overloaded"),
        (413, {"error": {"message": RATE_LIMITED[2], "code": "rate_limit_exceeded"}}, "rate"),
        # A precise code decides over the message.
        (400, {"error": {"message": "Rate limit", "code": "context_length_exceeded"}}, "context"),
    ],
)
def test_class_of_a_response_by_code_and_words(status: int, body: dict, error_class: str) -> None:
    expected = {
        "context": errors.ContextTooLong,
        "quota": errors.QuotaExhausted,
        "model": errors.ModelNotFound,
        "key": errors.KeyRejected,
        "overloaded": errors.Overloaded,
        "rate": errors.RateLimited,
    }[error_class]
    assert type(error_from_response(status, {}, json.dumps(body))) is expected
    if "error" in body:
        assert type(error_from_stream_event(body)) is expected


def test_words_of_a_proxy_page_do_not_count() -> None:
    page = "<html><body><h1>503</h1><p>Rate limit: no such model, insufficient balance</p></body></html>"
    assert type(error_from_response(503, {}, page)) is errors.Overloaded
    assert type(error_from_response(502, {}, page)) is errors.GatewayUnavailable


def test_unknown_model_is_not_requested_again_but_for_a_missing_channel() -> None:
    missing = {"error": {"message": MODEL_NOT_FOUND[0]}}
    assert error_from_response(503, {}, json.dumps(missing)).should_retry is None
    assert error_from_response(400, {}, json.dumps(missing)).should_retry is False
