"""Gateway client: requests, and responses recognized by their content and not by their content type."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Message, Outcome, TextPart
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import EVENT_STREAM, FRAMINGS, JSON, Canned, Framing, Replay
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask, build_gateway, collect

HTML = {"Content-Type": "text/html; charset=utf-8"}
HTML_PAGE = b"<!DOCTYPE html>\n<html><body><h1>Please log in</h1></body></html>"
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
each_framing = pytest.mark.parametrize("framing", FRAMINGS)
each_content_type = pytest.mark.parametrize("headers", [EVENT_STREAM, JSON, HTML, {}], ids=str)


def test_stream_sends_normalized_messages(replay: Replay, gateway: Gateway) -> None:
    for wire in WIRE_MODULES:
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
        path = [Message("user", (TextPart("a"),)), Message("user", (TextPart("b"),))]
        list(gateway.stream(Target("m", wire), path, Params(), CancelToken()))
        assert replay.requests[-1].json["messages"] == [{"role": "user", "content": "a\n\nb"}]
        assert replay.requests[-1].headers["content-type"] == "application/json"


@each_content_type
@each_wire
def test_stream_is_recognized_under_any_content_type(
    replay: Replay, gateway: Gateway, wire: Wire, headers: dict[str, str]
) -> None:
    stream = RECORDINGS[f"{wire}-reasoning.sse"]
    for piece in (None, 1):
        replay.serve(PATHS[wire], Canned(stream.body, headers=headers, piece=piece))
        answer = ask(gateway, wire)
        assert (answer.text, answer.thinking, answer.error) == (stream.text, stream.thinking, None)


@each_content_type
@each_wire
def test_json_response_is_recognized_under_any_content_type(
    replay: Replay, gateway: Gateway, wire: Wire, headers: dict[str, str]
) -> None:
    recording = RECORDINGS[f"{wire}-nostream.json"]
    for body in (
        recording.body,
        b"\xef\xbb\xbf\r\n " + recording.body + b"\n",
        json.dumps(json.loads(recording.body), indent=2).encode(),
    ):
        for piece in (None, 1):
            replay.serve(PATHS[wire], Canned(body, headers=headers, piece=piece))
            answer = ask(gateway, wire)
            assert (answer.text, answer.thinking, answer.error) == (recording.text, recording.thinking, None)


@each_content_type
@each_framing
def test_html_with_status_200_is_an_invalid_response_with_its_text(
    replay: Replay, gateway: Gateway, framing: Framing, headers: dict[str, str]
) -> None:
    for body in (HTML_PAGE, b"\n\n " + HTML_PAGE, b"\xef\xbb\xbf" + HTML_PAGE):
        for piece in (None, 1):
            replay.serve(PATHS["openai"], Canned(body, headers=headers, framing=framing, piece=piece))
            error = ask(gateway, "openai").error
            assert error is not None
            assert (type(error), error.detail) == (errors.InvalidResponse, "Please log in")


@each_wire
def test_json_array_is_an_invalid_response(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    replay.serve(PATHS[wire], Canned(b'[{"a":1}]', headers=JSON))
    assert type(ask(gateway, wire).error) is errors.InvalidResponse


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\n" * 100_000, b": PING\n\n" * 3], ids=len
)
@each_framing
@each_wire
def test_empty_response_is_interrupted(
    replay: Replay, gateway: Gateway, wire: Wire, framing: Framing, body: bytes
) -> None:
    replay.serve(PATHS[wire], Canned(body, framing=framing))
    assert type(ask(gateway, wire).error) is errors.StreamInterrupted


@each_wire
def test_error_json_with_status_200_raises_that_error(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    body = b'{"error":{"message":"no such model (request id: abc)","code":"model_not_found"}}'
    replay.serve(PATHS[wire], Canned(body, headers=JSON, framing="length"))
    error = ask(gateway, wire).error
    assert error is not None
    assert (type(error), error.detail, error.request_id) == (errors.ModelNotFound, "no such model", "abc")


@each_wire
def test_error_response_with_a_stream_content_type_is_an_error(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    headers = {**EVENT_STREAM, "X-Oneapi-Request-Id": "fromheader"}
    replay.serve(PATHS[wire], Canned(b'{"error":{"message":"no"}}', 500, headers))
    error = ask(gateway, wire).error
    assert error is not None
    assert (type(error), error.detail, error.status, error.request_id) == (
        errors.GatewayUnavailable,
        "no",
        500,
        "fromheader",
    )


@each_wire
def test_bare_json_at_the_end_of_a_stream_is_the_error(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    error_json = b'{"error":{"type":"overloaded_error","message":"Overloaded"},"type":"error"}'
    stream = RECORDINGS[f"{wire}-killed.sse"]
    for body in (stream.body + error_json, stream.body + error_json + b"\n\n", b": PING\n\n" + error_json):
        replay.serve(PATHS[wire], Canned(body))
        answer = ask(gateway, wire)
        assert answer.error is not None
        assert (type(answer.error), answer.error.detail) == (errors.Overloaded, "Overloaded")
        assert answer.text in (stream.text, "")


@each_framing
@each_wire
def test_broken_connection_after_the_finish_reason_is_ignored(
    replay: Replay, gateway: Gateway, wire: Wire, framing: Framing
) -> None:
    stream = RECORDINGS[f"{wire}-text.sse"]
    last = {"openai": b"data: [DONE]", "anthropic": b"event: message_stop"}[wire]
    replay.serve(PATHS[wire], stream.canned(framing=framing, cut=stream.body.index(last)))
    answer = ask(gateway, wire)
    assert (answer.text, answer.error, answer.reply.outcome()) == (stream.text, None, Outcome.COMPLETE)
    assert answer.reply.usage == stream.usage


def frame(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@pytest.mark.slow
@pytest.mark.parametrize("piece", [1_000, 65_536, None])
def test_event_of_ten_megabytes(replay: Replay, gateway: Gateway, piece: int | None) -> None:
    text = "0123456789" * 1_000_000
    replay.serve(PATHS["openai"], Canned(frame({"content": text}) + frame({}, "stop"), piece=piece))
    answer = ask(gateway, "openai")
    assert answer.error is None
    assert answer.text == text


@each_framing
def test_thousands_of_tiny_events(replay: Replay, gateway: Gateway, framing: Framing) -> None:
    body = b"".join(frame({"content": f"{number} "}) for number in range(3_000)) + frame({}, "stop")
    replay.serve(PATHS["openai"], Canned(body, framing=framing))
    assert ask(gateway, "openai").text == "".join(f"{number} " for number in range(3_000))


def test_events_are_yielded_as_they_arrive() -> None:
    with Replay() as server:
        server.serve(
            PATHS["openai"],
            Canned(frame({"content": "first"}) + frame({}, "stop"), silence=len(frame({"content": "first"}))),
        )
        client = build_gateway(server)
        stream = client.stream(Target("m", "openai"), QUESTION, Params(), CancelToken())
        first_event = next(stream)
        assert not server.requests[0].left.is_set()
        server.resume()
        assert collect([first_event, *stream]).text == "first"
        client.close()


def test_fetch_models_sends_the_key_as_bearer_token(replay: Replay, gateway: Gateway) -> None:
    recorded = RECORDINGS["models.json"]
    replay.serve("/v1/models", recorded.canned(framing="length"))
    (model,) = gateway.fetch_models().models
    assert (model.id, model.wires) == ("tiny", ("openai", "anthropic"))
    headers = replay.requests[-1].headers
    assert headers["authorization"] == "Bearer sk-test"
    assert not {"anthropic-version", "x-api-key"} & set(headers)


@pytest.mark.parametrize(
    ("canned", "error_type"),
    [
        (Canned(b'{"error":{"message":"no"}}', 401, JSON), errors.KeyRejected),
        (Canned(b'{"detail":"Not Found"}', 404, JSON), errors.EndpointNotFound),
        (Canned(HTML_PAGE, 200, HTML), errors.InvalidResponse),
        (Canned(b'{"data":[', 200, JSON), errors.InvalidResponse),
        (Canned(b"", 429, {}, framing="length"), errors.RateLimited),
    ],
)
def test_fetch_models_raises_the_matching_error(
    replay: Replay, gateway: Gateway, canned: Canned, error_type: type
) -> None:
    replay.serve("/v1/models", canned)
    with pytest.raises(errors.AnswerError) as caught:
        gateway.fetch_models()
    assert type(caught.value) is error_type


BAD_KEY_BODIES = [
    (401, '{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'),
    (403, '{"detail": "Forbidden"}'),
    (401, ""),
    (200, '{"success": false, "message": "无效的令牌"}'),
    (200, '{"code": 401, "msg": "Invalid API key", "data": null}'),
    (200, '{"error": {"message": "该令牌已过期", "type": "new_api_error"}}'),
    (200, '{"object": "error", "message": "Unauthorized"}'),
    (400, '{"error": {"message": "API key not valid. Please pass a valid API key."}}'),
]


@pytest.mark.parametrize(("status", "body"), BAD_KEY_BODIES)
def test_a_bad_key_is_reported_when_the_model_list_is_read(replay, gateway, status, body):
    replay.serve("/v1/models", Canned(body.encode(), status, JSON))
    with pytest.raises(errors.KeyRejected):
        gateway.fetch_models()


@pytest.mark.parametrize(
    "body", ['{"message": "hello"}', '{"success": false}', "{}", "[]", '{"object": "list", "models": []}']
)
def test_a_body_of_no_known_refusal_is_an_invalid_list(replay, gateway, body):
    replay.serve("/v1/models", Canned(body.encode(), 200, JSON))
    with pytest.raises(errors.InvalidResponse):
        gateway.fetch_models()


def test_a_list_may_say_something_beside_its_data(replay, gateway):
    body = {"data": [{"id": "m"}], "success": True, "message": "invalid api key"}
    replay.serve("/v1/models", Canned(json.dumps(body).encode(), 200, JSON))
    assert [model.id for model in gateway.fetch_models().models] == ["m"]


@each_wire
def test_invalid_utf8_in_an_event_interrupts_the_answer(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    for name in (f"{wire}-text.sse", f"{wire}-nostream.json"):
        recording = RECORDINGS[name]
        damaged = (
            recording.body.replace(recording.text[:1].encode(), b"\xff", 1)
            if "nostream" in name
            else (recording.body.replace(b"data: {", b'data: {"x":"\xc3(",', 3))
        )
        assert damaged != recording.body
        replay.serve(PATHS[wire], Canned(damaged))
        answer = ask(gateway, wire)
        assert type(answer.error) is errors.StreamInterrupted, name
        assert answer.reply.outcome() is Outcome.INTERRUPTED
    # A replacement character that the model wrote is none.
    replay.serve(
        PATHS["openai"],
        Canned(frame({"content": "a\ufffdb"}).replace(b"\\ufffd", "\ufffd".encode()) + frame({}, "stop")),
    )
    answer = ask(gateway, "openai")
    assert (answer.text, answer.error) == ("a\ufffdb", None)


@pytest.mark.parametrize(
    "content", [{"images": ["https://a.example/b.png"]}, {"annotations": [{"url": "https://a.example/"}]}]
)
def test_request_with_content_is_not_repeated(replay: Replay, content: dict[str, Any]) -> None:
    replay.serve(PATHS["openai"], Canned(frame(content)))
    client = build_gateway(replay, retries=2)
    assert type(ask(client, "openai").error) is errors.StreamInterrupted
    assert len(replay.requests) == 1
    client.close()


@each_framing
@each_wire
def test_an_answer_in_the_format_of_the_other_endpoint_is_read_as_such(
    replay: Replay, gateway: Gateway, wire: Wire, framing: Framing
) -> None:
    other: Wire = "anthropic" if wire == "openai" else "openai"
    for name in ("reasoning.sse", "nostream.json"):
        recording = RECORDINGS[f"{other}-{name}"]
        replay.serve(PATHS[wire], Canned(b": keep-alive\n\n" + recording.body, headers=EVENT_STREAM, framing=framing))
        answer = ask(gateway, wire)
        assert (answer.text, answer.thinking, answer.error) == (recording.text, recording.thinking, None)
        assert answer.reply.outcome() is Outcome.COMPLETE and answer.reply.usage.output
