"""The one face of the gateway: the path it sends, and answers read by what arrives, not by their label."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Message, Outcome, TextPart, ThinkingPart
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES, normalize_messages
from tests.support.replay import EVENT_STREAM, FRAMINGS, JSON, Canned, Framing, Replay
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask, gateway, hear

HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = b"<!DOCTYPE html>\n<html><body><h1>Please log in</h1></body></html>"
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
each_framing = pytest.mark.parametrize("framing", FRAMINGS)
each_label = pytest.mark.parametrize("label", [EVENT_STREAM, JSON, HTML, {}], ids=str)


def user(*texts: str) -> Message:
    return Message("user", tuple(map(TextPart, texts)))


def answer(text: str, thinking: str = "") -> Message:
    return Message("assistant", (ThinkingPart(thinking), TextPart(text)) if thinking else (TextPart(text),))


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ([], []),
        ([user("a")], [("user", "a")]),
        ([user("a"), answer("b"), user("c")], [("user", "a"), ("assistant", "b"), ("user", "c")]),
        ([user("a"), user("b")], [("user", "a\n\nb")]),
        ([user("a"), user("b"), user("c")], [("user", "a\n\nb\n\nc")]),
        ([user("a"), answer(""), user("b")], [("user", "a\n\nb")]),
        ([user("a"), answer(" \n"), user("b")], [("user", "a\n\nb")]),
        ([user("a"), answer("", "only a thought"), user("b")], [("user", "a\n\nb")]),
        ([answer("hello"), user("a")], [("user", "a")]),
        ([answer("hello"), answer("again"), user("a")], [("user", "a")]),
        ([user(" "), answer("hello"), user("a")], [("user", "a")]),
        (
            [user("a"), answer("b"), answer("c"), user("d")],
            [("user", "a"), ("assistant", "b\n\nc"), ("user", "d")],
        ),
        ([user("  a  ")], [("user", "  a  ")]),
        ([user(""), user("")], []),
    ],
)
def test_the_path_is_one_that_both_wires_take(path: list[Message], sent: list[tuple[str, str]]) -> None:
    before = list(path)
    assert [(message.role, message.text) for message in normalize_messages(path)] == sent
    assert path == before


def test_what_is_sent_is_the_cleaned_path(replay: Replay, asked: Gateway) -> None:
    for wire in WIRE_MODULES:
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
        path = [user("a"), answer("", "hm"), user("b")]
        list(asked.stream(Target("m", wire), path, Params(), CancelToken()))
        assert replay.requests[-1].json["messages"] == [{"role": "user", "content": "a\n\nb"}]
        assert replay.requests[-1].headers["content-type"] == "application/json"


@each_label
@each_wire
def test_a_stream_is_read_under_any_label(
    replay: Replay, asked: Gateway, wire: Wire, label: dict[str, str]
) -> None:
    stream = RECORDINGS[f"{wire}-reasoning.sse"]
    for piece in (None, 1):
        replay.serve(PATHS[wire], Canned(stream.body, headers=label, piece=piece))
        heard = ask(asked, wire)
        assert (heard.text, heard.thinking, heard.error) == (stream.text, stream.thinking, None)


@each_label
@each_wire
def test_a_whole_json_answer_is_read_under_any_label(
    replay: Replay, asked: Gateway, wire: Wire, label: dict[str, str]
) -> None:
    whole = RECORDINGS[f"{wire}-nostream.json"]
    for body in (
        whole.body,
        b"\xef\xbb\xbf\r\n " + whole.body + b"\n",
        json.dumps(json.loads(whole.body), indent=2).encode(),
    ):
        for piece in (None, 1):
            replay.serve(PATHS[wire], Canned(body, headers=label, piece=piece))
            heard = ask(asked, wire)
            assert (heard.text, heard.thinking, heard.error) == (whole.text, whole.thinking, None)


@each_label
@each_framing
def test_a_page_with_status_200_is_unreadable_and_quoted(
    replay: Replay, asked: Gateway, framing: Framing, label: dict[str, str]
) -> None:
    for body in (PAGE, b"\n\n " + PAGE, b"\xef\xbb\xbf" + PAGE):
        for piece in (None, 1):
            replay.serve(PATHS["openai"], Canned(body, headers=label, framing=framing, piece=piece))
            error = ask(asked, "openai").error
            assert error is not None
            assert (type(error), error.detail) == (errors.InvalidResponse, "Please log in")


@each_wire
def test_a_list_is_unreadable(replay: Replay, asked: Gateway, wire: Wire) -> None:
    replay.serve(PATHS[wire], Canned(b'[{"a":1}]', headers=JSON))
    assert type(ask(asked, wire).error) is errors.InvalidResponse


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\n" * 100_000, b": PING\n\n" * 3], ids=len
)
@each_framing
@each_wire
def test_an_empty_answer_is_cut(
    replay: Replay, asked: Gateway, wire: Wire, framing: Framing, body: bytes
) -> None:
    replay.serve(PATHS[wire], Canned(body, framing=framing))
    assert type(ask(asked, wire).error) is errors.StreamInterrupted


@each_wire
def test_an_error_with_status_200_is_that_error(replay: Replay, asked: Gateway, wire: Wire) -> None:
    body = b'{"error":{"message":"no such model (request id: abc)","code":"model_not_found"}}'
    replay.serve(PATHS[wire], Canned(body, headers=JSON, framing="length"))
    error = ask(asked, wire).error
    assert error is not None
    assert (type(error), error.detail, error.request_id) == (errors.ModelNotFound, "no such model", "abc")


@each_wire
def test_a_refusal_labelled_as_a_stream_is_a_refusal(replay: Replay, asked: Gateway, wire: Wire) -> None:
    headers = {**EVENT_STREAM, "X-Oneapi-Request-Id": "fromheader"}
    replay.serve(PATHS[wire], Canned(b'{"error":{"message":"no"}}', 500, headers))
    error = ask(asked, wire).error
    assert error is not None
    assert (type(error), error.detail, error.status, error.request_id) == (
        errors.GatewayUnavailable,
        "no",
        500,
        "fromheader",
    )


@each_wire
def test_bare_json_at_the_end_of_a_stream_is_the_error(replay: Replay, asked: Gateway, wire: Wire) -> None:
    fault = b'{"error":{"type":"overloaded_error","message":"Overloaded"},"type":"error"}'
    stream = RECORDINGS[f"{wire}-killed.sse"]
    for body in (stream.body + fault, stream.body + fault + b"\n\n", b": PING\n\n" + fault):
        replay.serve(PATHS[wire], Canned(body))
        heard = ask(asked, wire)
        assert heard.error is not None
        assert (type(heard.error), heard.error.detail) == (errors.Overloaded, "Overloaded")
        assert heard.text in (stream.text, "")


@each_framing
@each_wire
def test_a_connection_that_breaks_after_the_last_word_takes_nothing(
    replay: Replay, asked: Gateway, wire: Wire, framing: Framing
) -> None:
    stream = RECORDINGS[f"{wire}-text.sse"]
    last = {"openai": b"data: [DONE]", "anthropic": b"event: message_stop"}[wire]
    replay.serve(PATHS[wire], stream.canned(framing=framing, cut=stream.body.index(last)))
    heard = ask(asked, wire)
    assert (heard.text, heard.error, heard.reply.outcome()) == (stream.text, None, Outcome.COMPLETE)
    assert heard.reply.usage == stream.usage


def frame(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@pytest.mark.parametrize("piece", [1_000, 65_536, None])
def test_one_event_of_ten_megabytes(replay: Replay, asked: Gateway, piece: int | None) -> None:
    text = "0123456789" * 1_000_000
    replay.serve(PATHS["openai"], Canned(frame({"content": text}) + frame({}, "stop"), piece=piece))
    heard = ask(asked, "openai")
    assert heard.error is None
    assert heard.text == text


@each_framing
def test_ten_thousand_tiny_events(replay: Replay, asked: Gateway, framing: Framing) -> None:
    body = b"".join(frame({"content": f"{number} "}) for number in range(10_000)) + frame({}, "stop")
    replay.serve(PATHS["openai"], Canned(body, framing=framing))
    assert ask(asked, "openai").text == "".join(f"{number} " for number in range(10_000))


def test_an_event_is_told_as_soon_as_it_is_there() -> None:
    with Replay() as slow:
        slow.serve(
            PATHS["openai"],
            Canned(frame({"content": "first"}) + frame({}, "stop"), silence=len(frame({"content": "first"}))),
        )
        client = gateway(slow)
        stream = client.stream(Target("m", "openai"), QUESTION, Params(), CancelToken())
        first = next(stream)
        assert not slow.requests[0].left.is_set()
        slow.resume()
        assert hear([first, *stream]).text == "first"
        client.close()


def test_the_models_of_a_gateway(replay: Replay, asked: Gateway) -> None:
    recorded = RECORDINGS["models.json"]
    replay.serve("/v1/models", recorded.canned(framing="length"))
    (model,) = asked.fetch_models().models
    assert (model.id, model.wires) == ("tiny", ("openai", "anthropic"))
    headers = replay.requests[-1].headers
    assert headers["authorization"] == "Bearer sk-test"
    assert not {"anthropic-version", "x-api-key"} & set(headers)


@pytest.mark.parametrize(
    ("canned", "kind"),
    [
        (Canned(b'{"error":{"message":"no"}}', 401, JSON), errors.KeyRejected),
        (Canned(b'{"detail":"Not Found"}', 404, JSON), errors.EndpointNotFound),
        (Canned(PAGE, 200, HTML), errors.InvalidResponse),
        (Canned(b'{"data":[', 200, JSON), errors.InvalidResponse),
        (Canned(b"", 429, {}, framing="length"), errors.RateLimited),
    ],
)
def test_a_list_of_models_that_cannot_be_had(
    replay: Replay, asked: Gateway, canned: Canned, kind: type
) -> None:
    replay.serve("/v1/models", canned)
    with pytest.raises(errors.AnswerError) as caught:
        asked.fetch_models()
    assert type(caught.value) is kind
