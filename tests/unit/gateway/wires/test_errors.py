"""What a refusal says, whatever its shape: its kind, its words without the request id, and the id."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.gateway.wires import (
    anthropic as wire_anthropic,
)
from lib.gateway.wires import (
    errors as faults,
)
from lib.gateway.wires import (
    openai as wire_openai,
)

ID = "20260101120000abcd1234"
FROM_ID = f" (request id: {ID})"


def openai(message: str = "no", type_: Any = "new_api_error", code: Any = "", **more: Any) -> str:
    return json.dumps({"error": {"message": message, "type": type_, "param": None, "code": code}, **more})


def anthropic(message: str = "no", type_: str = "api_error", **more: Any) -> str:
    return json.dumps({"type": "error", "error": {"type": type_, "message": message}, **more})


NESTED = json.dumps(
    {"type": "error", "error": {"type": "invalid_request_error", "message": "use only one sampler"}}
)

EXAMPLES = [
    (401, openai("key refused" + FROM_ID), errors.KeyRejected, "key refused"),
    (
        403,
        openai("quota too low" + FROM_ID, code="insufficient_user_quota"),
        errors.QuotaExhausted,
        "quota too low",
    ),
    (
        503,
        openai("nothing serves x" + FROM_ID, code="model_not_found"),
        errors.ModelNotFound,
        "nothing serves x",
    ),
    (400, anthropic(NESTED + FROM_ID, "<nil>"), errors.InvalidRequest, "use only one sampler"),
    (
        500,
        openai("no messages given" + FROM_ID, code="invalid_request"),
        errors.InvalidRequest,
        "no messages given",
    ),
]


@pytest.mark.parametrize("wire", [wire_openai, wire_anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize(("status", "body", "kind", "detail"), EXAMPLES)
def test_the_examples_on_either_wire(wire: Any, status: int, body: str, kind: type, detail: str) -> None:
    error = wire.error(status, {}, body)
    assert (type(error), error.detail, error.request_id, error.status) == (kind, detail, ID, status)


@pytest.mark.parametrize(
    ("status", "kind"),
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
    "body", ["", "nothing known", openai("nothing known"), openai(code=500, type_="api_error")]
)
def test_a_status_alone_decides_where_no_word_is_known(status: int, kind: type, body: str) -> None:
    assert type(faults.error_from_response(status, {}, body)) is kind


@pytest.mark.parametrize(
    ("status", "word", "kind"),
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
def test_a_word_says_more_than_the_status_in_every_place_it_stands(
    status: int, word: str, kind: type
) -> None:
    bodies = [
        openai(code=word),
        openai(type_=word, code=None),
        anthropic(type_=word),
        json.dumps({"code": word}),
    ]
    assert [type(faults.error_from_response(status, {}, body)) for body in bodies] == [kind] * 4


# The rows of the reference's table of shapes, by their names; then what else has been seen.
SHAPES: dict[str, list[tuple[str, str]]] = {
    "error with message, type, param, code": [
        (openai("words"), "words"),
        (openai("words", type_=None, code=401), "words"),
        (openai("words", type_="one_api_error", code="bad_response"), "words"),
        (json.dumps({"error": {"message": "words", "type": "x", "param": "", "code": None}}), "words"),
    ],
    "error of the middleware, on messages too": [(openai("words", param="None"), "words")],
    "type error": [
        (anthropic("words", request_id="req_1"), "words"),
        (anthropic("words", "<nil>"), "words"),
        (anthropic("words", "channel:no_available_key"), "words"),
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
    "fields of a foreign upstream": [
        (openai("words", provider="openai"), "words"),
        ('{"detail":[{"loc":["body"],"msg":"世界"}]}', '[{"loc": ["body"], "msg": "世界"}]'),
        ('{"html-message":"words"}', "words"),
        ('{"status":"failure","message":"words"}', "words"),
    ],
    "an empty error beside the words": [
        ('{"error":{},"message":"words"}', "words"),
        ('{"error":null,"message":"words"}', "words"),
    ],
    "no object": [('"words"', "words"), ('["words"]', "['words']")],
    "no words": [('{"error":{"message":""}}', ""), ('{"error":{"message":null}}', "")],
}


@pytest.mark.parametrize("wire", [wire_openai, wire_anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize("row", SHAPES)
def test_shapes_row_by_row_on_either_wire(row: str, wire: Any) -> None:
    for body, detail in SHAPES[row]:
        assert wire.error(400, {}, body).detail == detail


@pytest.mark.parametrize(
    ("message", "detail", "id_"),
    [
        ("no (request id: abc123)", "no", "abc123"),
        ("no (Request ID: abc123)", "no", "abc123"),
        ("no request id: abc-1_2", "no", "abc-1_2"),
        ("no (request id: inner1) (request id: outer2)", "no", "outer2"),
        ("(request id: abc123)", "", "abc123"),
        ("a request without one", "a request without one", ""),
    ],
)
def test_the_last_request_id_is_the_gateways_own_and_no_part_of_the_words(
    message: str, detail: str, id_: str
) -> None:
    for error in (
        faults.error_from_response(500, {}, openai(message)),
        faults.error_from_stream_event(json.loads(openai(message))),
    ):
        assert (error.detail, error.request_id) == (detail, id_)


@pytest.mark.parametrize("name", ["x-oneapi-request-id", "x-request-id", "request-id"])
def test_a_request_id_in_the_headers_wins(name: str) -> None:
    assert (
        faults.error_from_response(500, {name: "fromheader"}, openai("no" + FROM_ID)).request_id
        == "fromheader"
    )


def test_a_nested_error_is_opened_and_its_word_counts() -> None:
    inner = openai("too long", code="context_length_exceeded")
    twice = openai(openai(inner + " (request id: one)") + " (request id: two)")
    error = faults.error_from_response(400, {}, twice)
    assert (type(error), error.detail, error.request_id) == (errors.ContextTooLong, "too long", "two")


@pytest.mark.parametrize("message", ["{no json}", "{}", '{"a":1}', "{"])
def test_a_message_that_only_looks_nested_is_kept(message: str) -> None:
    assert faults.error_from_response(400, {}, openai(message)).detail == message


def test_of_an_html_page_only_its_words_are_kept() -> None:
    page = "<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head>\r\n<body class='a'>"
    page += "<script>go(1<2)</script><h1>502  Bad\nGateway</h1><hr/><p>nginx</body></html>"
    error = faults.error_from_response(502, {}, page)
    assert (type(error), error.detail) == (errors.GatewayUnavailable, "502 Bad Gateway nginx")


def test_a_redirect_says_where_to() -> None:
    error = faults.error_from_response(302, {"location": "https://login.example/"}, "<p>Found</p>")
    assert (type(error), error.detail) == (errors.UnexpectedRedirect, "https://login.example/")
    assert faults.error_from_response(302, {}, "<p>Found</p>").detail == "Found"


@pytest.mark.parametrize("body", ["x" * 100_000, openai("x" * 100_000), '{"error":"' + "x" * 100_000 + '"}'])
def test_long_words_are_shortened(body: str) -> None:
    detail = faults.error_from_response(500, {}, body).detail
    assert detail.startswith("xxx") and detail.endswith("…") and len(detail) < 2_100


@pytest.mark.parametrize(
    "body", ["[" * 60_000, '{"a":' * 10_000, openai("{" + '"a":{' * 9_000), "<" * 60_000, "<head" * 4_000]
)
def test_a_hostile_body_is_still_a_refusal(body: str) -> None:
    assert type(faults.error_from_response(500, {}, body)) is errors.GatewayUnavailable


@pytest.mark.parametrize(
    ("payload", "meant"),
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
def test_an_empty_error_is_none(payload: Any, meant: bool) -> None:
    assert faults.is_error(payload) is meant


@pytest.mark.parametrize(
    ("message", "param", "blamed"),
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
def test_a_refusal_names_the_parameters_that_it_blames(
    message: str, param: Any, blamed: tuple[str, ...]
) -> None:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param}}
    assert set(faults.error_from_response(400, {}, json.dumps(body)).rejected_params) == set(blamed)
    assert set(faults.error_from_stream_event(body).rejected_params) == set(blamed)
