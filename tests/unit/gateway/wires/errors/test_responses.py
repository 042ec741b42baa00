"""Error responses of any shape: error type, message and request id."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.errors import responses as wire_errors

REQUEST_ID = "20260101120000abcd1234"
REQUEST_ID_SUFFIX = f" (request id: {REQUEST_ID})"


def openai_error(message: str = "no", error_type: Any = "new_api_error", code: Any = "", **fields: Any) -> str:
    return json.dumps({"error": {"message": message, "type": error_type, "param": None, "code": code}, **fields})


def anthropic_error(message: str = "no", error_type: str = "api_error", **fields: Any) -> str:
    return json.dumps({"type": "error", "error": {"type": error_type, "message": message}, **fields})


NESTED_ERROR = json.dumps(
    {"type": "error", "error": {"type": "invalid_request_error", "message": "use only one sampler"}}
)

CASES = [
    (401, openai_error("key refused" + REQUEST_ID_SUFFIX), errors.KeyRejected, "key refused"),
    (
        403,
        openai_error("quota too low" + REQUEST_ID_SUFFIX, code="insufficient_user_quota"),
        errors.QuotaExhausted,
        "quota too low",
    ),
    (
        503,
        openai_error("nothing serves x" + REQUEST_ID_SUFFIX, code="model_not_found"),
        errors.ModelNotFound,
        "nothing serves x",
    ),
    (
        400,
        anthropic_error(NESTED_ERROR + REQUEST_ID_SUFFIX, "<nil>"),
        errors.InvalidRequest,
        "use only one sampler",
    ),
    (
        500,
        openai_error("no messages given" + REQUEST_ID_SUFFIX, code="invalid_request"),
        errors.InvalidRequest,
        "no messages given",
    ),
]


@pytest.mark.parametrize("wire", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(("status", "body", "error_class", "detail"), CASES)
def test_error_of_both_wires(wire: Any, status: int, body: str, error_class: type, detail: str) -> None:
    error = wire.error(status, {}, body)
    assert (type(error), error.detail, error.request_id, error.status) == (
        error_class,
        detail,
        REQUEST_ID,
        status,
    )


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (301, errors.UnexpectedRedirect),
        (308, errors.UnexpectedRedirect),
        (400, errors.InvalidRequest),
        (401, errors.KeyRejected),
        (402, errors.QuotaExhausted),
        (403, errors.KeyRejected),
        (404, errors.EndpointNotFound),
        (405, errors.EndpointNotFound),
        (408, errors.GatewayUnavailable),
        (409, errors.InvalidRequest),
        (413, errors.RequestTooLarge),
        (418, errors.InvalidRequest),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.GatewayUnavailable),
        (501, errors.EndpointNotFound),
        (502, errors.GatewayUnavailable),
        (503, errors.Overloaded),
        (504, errors.GatewayUnavailable),
        (520, errors.GatewayUnavailable),
        (524, errors.GatewayUnavailable),
        (529, errors.Overloaded),
    ],
)
@pytest.mark.parametrize(
    "body",
    ["", "nothing known", openai_error("nothing known"), openai_error(code=500, error_type="api_error")],
)
def test_status_decides_without_a_known_code(status: int, error_class: type, body: str) -> None:
    assert type(wire_errors.error_from_response(status, {}, body)) is error_class


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (403, "access_denied", errors.KeyRejected),
        (403, "pre_consume_token_quota_failed", errors.QuotaExhausted),
        (429, "insufficient_quota", errors.QuotaExhausted),
        (404, "invalid_request_error", errors.ModelNotFound),
        (400, "invalid_request_error", errors.InvalidRequest),
        (404, "model_not_found", errors.ModelNotFound),
        (404, "not_found_error", errors.ModelNotFound),
        (400, "model_price_error", errors.InvalidRequest),
        (400, "exceed_context_size_error", errors.ContextTooLong),
        (400, "context_length_exceeded", errors.ContextTooLong),
        (413, "read_request_body_failed", errors.RequestTooLarge),
        (413, "request_too_large", errors.RequestTooLarge),
        (429, "rate_limit_error", errors.RateLimited),
        (500, "convert_request_failed", errors.InvalidRequest),
        (500, "sensitive_words_detected", errors.InvalidRequest),
        (500, "count_token_failed", errors.InvalidRequest),
        (500, "do_request_failed", errors.GatewayUnavailable),
        (500, "bad_response_body", errors.GatewayUnavailable),
        (500, "channel:no_available_key", errors.GatewayUnavailable),
        (501, "api_not_implemented", errors.EndpointNotFound),
        (529, "overloaded_error", errors.Overloaded),
        (400, "authentication_error", errors.KeyRejected),
        (302, "model_not_found", errors.UnexpectedRedirect),
    ],
)
def test_code_in_any_field_wins_over_the_status(status: int, code: str, error_class: type) -> None:
    bodies = [
        openai_error(code=code),
        openai_error(error_type=code, code=None),
        anthropic_error(error_type=code),
        json.dumps({"code": code}),
    ]
    assert [type(wire_errors.error_from_response(status, {}, body)) for body in bodies] == [error_class] * 4


# Bodies by shape, with the expected message.
SHAPES: dict[str, list[tuple[str, str]]] = {
    "error with message, type, param, code": [
        (openai_error("words"), "words"),
        (openai_error("words", error_type=None, code=401), "words"),
        (openai_error("words", error_type="one_api_error", code="bad_response"), "words"),
        (json.dumps({"error": {"message": "words", "type": "x", "param": "", "code": None}}), "words"),
    ],
    "error of the middleware": [(openai_error("words", param="None"), "words")],
    "type error": [
        (anthropic_error("words", request_id="req_1"), "words"),
        (anthropic_error("words", "<nil>"), "words"),
        (anthropic_error("words", "channel:no_available_key"), "words"),
    ],
    "success false": [('{"success":false,"message":"words"}', "words")],
    "error, message, msg, detail as text": [
        ('{"error":"words"}', "words"),
        ('{"message":"words"}', "words"),
        ('{"msg":"words"}', "words"),
        ('{"detail":"words"}', "words"),
    ],
    "empty body": [("", ""), ("null", ""), ("{}", "")],
    "HTML page": [("<html><body><h1>several\n words</h1></body></html>", "several words")],
    "plain text": [("words", "words"), ("  several\n words ", "several words"), ("{not json", "{not json")],
    "fields of an upstream": [
        (openai_error("words", provider="openai"), "words"),
        ('{"detail":[{"loc":["body"],"msg":"世界"}]}', '[{"loc": ["body"], "msg": "世界"}]'),
        ('{"html-message":"words"}', "words"),
        ('{"status":"failure","message":"words"}', "words"),
    ],
    "empty error next to a message": [
        ('{"error":{},"message":"words"}', "words"),
        ('{"error":null,"message":"words"}', "words"),
    ],
    "JSON that is no object": [('"words"', "words"), ('["words"]', "words")],
    "empty message": [('{"error":{"message":""}}', ""), ('{"error":{"message":null}}', "")],
}


@pytest.mark.parametrize("wire", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize("case", SHAPES)
def test_message_of_every_error_shape(case: str, wire: Any) -> None:
    for body, detail in SHAPES[case]:
        assert wire.error(400, {}, body).detail == detail


@pytest.mark.parametrize(
    ("message", "detail", "request_id"),
    [
        ("no (request id: abc123)", "no", "abc123"),
        ("no (Request ID: abc123)", "no", "abc123"),
        ("no request id: abc-1_2", "no", "abc-1_2"),
        ("no (request id: inner1) (request id: outer2)", "no", "outer2"),
        ("(request id: abc123)", "", "abc123"),
        ("a request without one", "a request without one", ""),
    ],
)
def test_last_request_id_is_split_from_the_message(message: str, detail: str, request_id: str) -> None:
    for error in (
        wire_errors.error_from_response(500, {}, openai_error(message)),
        wire_errors.error_from_stream_event(json.loads(openai_error(message))),
    ):
        assert (error.detail, error.request_id) == (detail, request_id)


@pytest.mark.parametrize("name", ["x-oneapi-request-id", "x-request-id", "request-id"])
def test_request_id_header_wins(name: str) -> None:
    assert (
        wire_errors.error_from_response(500, {name: "fromheader"}, openai_error("no" + REQUEST_ID_SUFFIX)).request_id
        == "fromheader"
    )


def test_nested_error_is_unwrapped() -> None:
    inner = openai_error("too long", code="context_length_exceeded")
    nested_twice = openai_error(openai_error(inner + " (request id: one)") + " (request id: two)")
    error = wire_errors.error_from_response(400, {}, nested_twice)
    assert (type(error), error.detail, error.request_id) == (errors.ContextTooLong, "too long", "two")


@pytest.mark.parametrize("message", ["{no json}", "{}", '{"a":1}', "{"])
def test_message_that_is_no_nested_error_is_kept(message: str) -> None:
    assert wire_errors.error_from_response(400, {}, openai_error(message)).detail == message


def test_visible_text_of_an_html_page_is_the_message() -> None:
    page = "<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head>\r\n<body class='a'>"
    page += "<script>go(1<2)</script><h1>502  Bad\nGateway</h1><hr/><p>nginx</body></html>"
    error = wire_errors.error_from_response(502, {}, page)
    assert (type(error), error.detail) == (errors.GatewayUnavailable, "502 Bad Gateway nginx")


def test_redirect_has_the_location_as_message() -> None:
    error = wire_errors.error_from_response(302, {"location": "https://login.example/"}, "<p>Found</p>")
    assert (type(error), error.detail) == (errors.UnexpectedRedirect, "https://login.example/")
    assert wire_errors.error_from_response(302, {}, "<p>Found</p>").detail == "Found"


@pytest.mark.parametrize("body", ["x" * 100_000, openai_error("x" * 100_000), '{"error":"' + "x" * 100_000 + '"}'])
def test_long_message_is_truncated(body: str) -> None:
    detail = wire_errors.error_from_response(500, {}, body).detail
    assert detail.startswith("xxx") and detail.endswith("…") and len(detail) < 2_100


@pytest.mark.parametrize(
    "body",
    ["[" * 60_000, '{"a":' * 10_000, openai_error("{" + '"a":{' * 9_000), "<" * 60_000, "<head" * 4_000],
)
def test_malformed_body_is_an_error(body: str) -> None:
    assert type(wire_errors.error_from_response(500, {}, body)) is errors.GatewayUnavailable


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"error": {}}, False),
        ({"error": {}, "data": None}, False),
        ({"error": None}, False),
        ({"error": ""}, False),
        ({"error": {"message": "", "code": None}}, False),
        ({"error": []}, False),
        ({"choices": []}, False),
        ([], False),
        ("error", False),
        (None, False),
        ({"error": {"message": "no"}}, True),
        ({"error": {"code": 500}}, True),
        ({"error": {"type": "api_error"}}, True),
        ({"error": "no"}, True),
        ({"type": "error"}, True),
        ({"type": "error", "error": {}}, True),
    ],
)
def test_is_error(payload: Any, expected: bool) -> None:
    assert wire_errors.is_error(payload) is expected


@pytest.mark.parametrize(
    ("message", "param", "rejected_params"),
    [
        ("`temperature` and `top_p` cannot both be specified", None, ("temperature", "top_p")),
        ("temperature and top_p: use only one", "", ("temperature", "top_p")),
        ("Unsupported value", "reasoning_effort", ("effort",)),
        ("Unsupported value", "thinking.budget_tokens", ("budget",)),
        ("Unsupported parameter: 'max_tokens', use 'max_completion_tokens'", "max_tokens", ("max_tokens",)),
        ("'n' must be 1, and 'stop' is not taken", None, ("n", "stop")),
        ("the user must stop thinking, with some effort and a seed", None, ()),
        ("wrong", "messages.0.content", ()),
        ("wrong", 7, ()),
    ],
)
def test_rejected_params_of_an_error(message: str, param: Any, rejected_params: tuple[str, ...]) -> None:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param}}
    assert set(wire_errors.error_from_response(400, {}, json.dumps(body)).rejected_params) == set(rejected_params)
    assert set(wire_errors.error_from_stream_event(body).rejected_params) == set(rejected_params)
