"""Recording of a request for an answer: what was sent and received in each attempt, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from lib.chat.exchanges.request_parts import restore_body
from lib.chat.refused_params import SessionMemory
from lib.config.caller import CallerIdentity
from lib.config.settings import Settings
from lib.core.conversation import FilePart, Message, TextPart
from lib.core.errors import AnswerError
from lib.core.events import TextDelta
from lib.core.exchanges import HIDDEN_HEADER, summarize
from lib.core.file_content import FileContent
from lib.core.models import Capabilities
from lib.core.params import ParamAdjustment, Params
from lib.core.refused_params import RefusedParam
from lib.core.target import IMAGES, Target, Wire
from lib.core.user import User
from lib.demo import DemoGateway
from lib.gateway.client import Gateway
from lib.gateway.replay import replay_events
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import KEY, LIMIT, NO_PARAMS, PATHS, QUESTION, RECORDINGS, received, record

REFUSED_TEMPERATURE = b'{"error":{"message":"Unsupported parameter: temperature","type":"invalid_request_error"}}'
PAUSED = b"".join(
    b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
    for event in (
        {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Wait"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
)
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


@pytest.fixture
def retrying(replay: Replay) -> Iterator[Gateway]:
    client = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=1))
    yield client
    client.close()


@each_wire
def test_what_is_recorded_is_what_was_sent_and_received(replay: Replay, gateway: Gateway, wire: Wire):
    stream = RECORDINGS[f"{wire}-text.sse"]
    replay.serve(PATHS[wire], stream.canned(piece=100))
    before = time.time()
    exchange = record(gateway, wire)
    (attempt,), (request,) = exchange.attempts, replay.requests
    assert before <= exchange.started_at <= time.time()
    assert (exchange.target, exchange.node_id, exchange.conversation_id) == (Target("tiny", wire), "a", "c")
    assert (attempt.method, attempt.url) == (request.method, replay.url + request.path)
    # Also those that are added while it is sent, such as Host and Content-Length, in their order.
    sent = {name.lower(): value.replace("$API_KEY", KEY) for name, value in attempt.headers.items()}
    assert list(sent.items()) == list(request.headers.items())
    assert KEY not in str(attempt)
    assert attempt.body.encode() == request.body
    assert (attempt.status, attempt.response_headers["content-type".title()]) == (200, stream.content_type)
    assert received(attempt) == stream.body
    offsets = [attempt.connected, attempt.responded, *(chunk.offset for chunk in attempt.chunks), attempt.ended]
    assert offsets == sorted(offsets) and attempt.connected > 0
    assert (attempt.reason, attempt.error, attempt.omitted_bytes, attempt.omits_body) == ("first", "", 0, False)


def test_offsets_are_those_of_the_arrival(replay: Replay, gateway: Gateway):
    stream = RECORDINGS["openai-text.sse"]
    replay.serve(PATHS["openai"], stream.canned(silence=2000))
    recorder = ExchangeRecorder(LIMIT)
    events = gateway.stream(Target("tiny", "openai"), QUESTION, NO_PARAMS, CancelToken(), recorder=recorder)
    next(event for event in events if getattr(event, "text", ""))
    first_came_before = time.time()
    replay.resume()
    list(events)
    exchange = recorder.finish()
    assert exchange is not None
    (attempt,) = exchange.attempts
    arrivals = [(attempt.started_at + chunk.offset, len(chunk.data)) for chunk in attempt.chunks]
    before = [size for moment, size in arrivals if moment < first_came_before]
    assert 0 < sum(before) <= 2000 < sum(size for _, size in arrivals)
    assert summarize(exchange).first_byte == attempt.chunks[0].offset


def test_a_pooled_connection_is_ready_at_once_and_a_new_one_when_it_is_open(replay: Replay, gateway: Gateway):
    replay.serve(PATHS["openai"], RECORDINGS["openai-text.sse"].canned())
    connected = [record(gateway).attempts[0].connected for _ in range(2)]
    assert replay.connections == 1
    assert all(offset is not None and offset > 0 for offset in connected)


def test_a_failure_and_its_retry_are_attempts(replay: Replay, retrying: Gateway):
    stream = RECORDINGS["openai-text.sse"]
    busy = Canned(b'{"error":{"message":"Busy"}}', 503, {**JSON, "Retry-After": "0"}, framing="length")
    replay.serve(PATHS["openai"], busy, stream.canned())
    exchange = record(retrying)
    first, second = exchange.attempts
    assert (first.reason, first.status, first.error) == ("first", 503, "overloaded")
    assert received(first) == busy.body and first.ended is not None
    assert (second.reason, second.status, second.error, received(second)) == ("retry", 200, "", stream.body)
    assert first.body == second.body and second.started_at > first.started_at
    summary = summarize(exchange)
    assert (summary.attempt_count, summary.status, summary.response_bytes) == (2, 200, len(busy.body + stream.body))


def test_a_refused_parameter_is_repaired_in_an_attempt_of_its_own(replay: Replay, gateway: Gateway):
    refusal = Canned(REFUSED_TEMPERATURE, 400, JSON)
    replay.serve(PATHS["openai"], refusal, RECORDINGS["openai-text.sse"].canned())
    first, second = record(gateway, params=Params(temperature=0.5)).attempts
    assert [first.reason, second.reason] == ["first", "repair"]
    assert "temperature" in json.loads(first.body) and "temperature" not in json.loads(second.body)


def test_a_paused_turn_is_continued_in_an_attempt_of_its_own(replay: Replay, gateway: Gateway):
    stream = RECORDINGS["anthropic-text.sse"]
    replay.serve(PATHS["anthropic"], Canned(PAUSED), stream.canned())
    capabilities = Capabilities(web_search=True)
    exchange = record(gateway, "anthropic", Params(web_search=True), capabilities=capabilities)
    assert [attempt.reason for attempt in exchange.attempts] == ["first", "continuation"]
    assert json.loads(exchange.attempts[1].body)["messages"][-1]["role"] == "assistant"
    assert received(exchange.attempts[1]) == stream.body


def test_a_gateway_that_is_not_reached_has_a_request_and_no_response(replay: Replay, gateway: Gateway):
    replay.close()
    (attempt,) = record(gateway).attempts
    assert json.loads(attempt.body)["model"] == "tiny"
    assert (attempt.error, attempt.status, attempt.connected, attempt.responded) == ("unreachable", None, None, None)
    assert attempt.ended is not None and attempt.chunks == ()


def test_a_connection_that_breaks_keeps_what_came(replay: Replay, gateway: Gateway):
    stream = RECORDINGS["openai-text.sse"]
    replay.serve(PATHS["openai"], stream.canned(cut=1000))
    (attempt,) = record(gateway).attempts
    assert (attempt.error, received(attempt)) == ("cut", stream.body[:1000])


def test_a_stopped_request_is_recorded_without_an_error(replay: Replay, gateway: Gateway):
    stream = RECORDINGS["openai-text.sse"]
    replay.serve(PATHS["openai"], stream.canned(silence=2000))
    recorder, cancel = ExchangeRecorder(LIMIT), CancelToken()
    events = gateway.stream(Target("tiny", "openai"), QUESTION, Params(), cancel, recorder=recorder)
    next(event for event in events if getattr(event, "text", ""))
    unfinished = recorder.finish()
    assert unfinished and unfinished.attempts[0].ended is None and unfinished.attempts[0].status == 200
    cancel.cancel()
    with pytest.raises(AnswerError):
        list(events)
    exchange = recorder.finish()
    assert exchange and (exchange.attempts[0].error, received(exchange.attempts[0])) == ("", stream.body[:2000])
    assert exchange.attempts[0].ended is not None


def test_nothing_is_recorded_before_anything_is_sent():
    assert ExchangeRecorder(LIMIT).finish() is None


@pytest.mark.parametrize("wire", ["openai", IMAGES])
def test_a_file_is_a_mark_in_the_body(replay: Replay, gateway: Gateway, wire: Wire):
    data = b"\x89PNG\r\n" * 100
    content = FileContent("digest-1", "image/png", len(data), lambda: data)
    part = FilePart("digest-1", "cat.png", "image/png", len(data), "image")
    messages = [Message("user", (part, TextPart("What is it?")))]
    exchange = record(gateway, wire, messages=messages, files={"digest-1": content})
    (attempt,) = exchange.attempts
    (file,) = attempt.files
    assert attempt.is_form is (wire == IMAGES)
    assert (file.digest, file.media_type, file.size) == ("digest-1", "image/png", len(data))
    assert attempt.body.count(file.mark) == 1
    body = json.loads(attempt.body)
    if wire == "openai":
        assert file.prefix == "data:image/png;base64,"
        assert body["messages"][0]["content"][0]["image_url"]["url"] == file.mark
    else:
        assert body["image"] == file.mark
        assert "multipart/form-data" in attempt.headers["Content-Type"]


def test_the_marks_of_many_files_are_replaced_by_their_own_content(replay: Replay, gateway: Gateway):
    contents = {f"digest-{number}": b"picture %d" % number for number in range(12)}
    parts = tuple(
        FilePart(digest, f"{digest}.png", "image/png", len(data), "image") for digest, data in contents.items()
    )
    files = {
        digest: FileContent(digest, "image/png", len(data), lambda data=data: data) for digest, data in contents.items()
    }
    (attempt,) = record(gateway, messages=[Message("user", parts)], files=files).attempts
    assert json.loads(restore_body(attempt, contents)) == replay.requests[-1].json


def test_parameters_that_were_dropped_are_recorded(replay: Replay, gateway: Gateway):
    exchange = record(gateway, params=Params(top_k=5))
    assert [adjustment.param_names for adjustment in exchange.adjustments] == ["top_k"]


def test_parameters_that_the_model_has_refused_before_are_recorded(replay: Replay):
    refused = RefusedParam(Target("tiny", "openai"), "temperature", refused_at=1.0, words="unsupported")
    memory = SessionMemory()
    memory.learn(refused)
    client = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=0), refused_params=memory)
    exchange = record(client, params=Params(temperature=0.5))
    client.close()
    assert "temperature" not in json.loads(exchange.attempts[0].body)
    assert exchange.adjustments == (ParamAdjustment("refused", "temperature"),)


def test_headers_of_the_team_are_recorded_where_they_only_name_the_user(replay: Replay, gateway: Gateway):
    templates = (("X-User", "{pseudonym}"), ("X-Proxy-Auth", "Basic 0123"), ("X-Groups", "{group} / {conversation}"))
    identity = CallerIdentity(pseudonym_secret=b"secret", header_templates=templates)
    caller = identity.build_caller(User("ann", groups=("design",)))
    (attempt,) = record(gateway.with_caller(caller), conversation_id="c").attempts
    names = ("X-User", "X-Proxy-Auth", "X-Groups")
    assert [attempt.headers[name] for name in names] == [caller.user_id, HIDDEN_HEADER, "design / c"]
    assert replay.requests[0].headers["x-proxy-auth"] == "Basic 0123"


def test_a_long_response_keeps_its_beginning_and_its_end(replay: Replay, gateway: Gateway):
    events = [b'data: {"choices":[{"index":0,"delta":{"content":"%06d"}}]}\n\n' % number for number in range(2000)]
    body = b"".join(events)
    replay.serve(PATHS["openai"], Canned(body, piece=len(events[0])))
    (attempt,) = record(gateway, limit=40_000).attempts
    assert attempt.omitted_before is not None
    head, tail = attempt.chunks[: attempt.omitted_before], attempt.chunks[attempt.omitted_before :]
    head_data, tail_data = (b"".join(chunk.data for chunk in part) for part in (head, tail))
    assert body.startswith(head_data) and body.endswith(tail_data)
    assert len(head_data) > 2 * len(tail_data) > 10_000
    assert head_data.endswith(b"\n\n") and tail_data.startswith(b"data:")  # whole events
    assert attempt.omitted_bytes == len(body) - len(head_data) - len(tail_data)
    assert attempt.response_bytes == len(body)
    assert len(attempt.body) + len(head_data) + len(tail_data) <= 40_000


@pytest.mark.parametrize("limit", [20_000, 100])
def test_the_size_of_a_record_is_limited_whatever_comes(replay: Replay, retrying: Gateway, limit: int):
    busy = Canned(b"{" + b"x" * 15_000 + b"}", 503, {"Retry-After": "0"}, framing="length")
    replay.serve(PATHS["openai"], busy, RECORDINGS["openai-text.sse"].canned())
    exchange = record(retrying, limit=limit)
    bodies = {attempt.body for attempt in exchange.attempts}
    size = sum(map(len, bodies)) + sum(len(received(attempt)) for attempt in exchange.attempts)
    assert size <= limit
    assert all(attempt.response_bytes for attempt in exchange.attempts)
    assert [attempt.omits_body for attempt in exchange.attempts] == [limit == 100] * 2


def test_headers_of_a_response_count_in_the_size_of_a_record(replay: Replay, gateway: Gateway):
    stream = RECORDINGS["openai-text.sse"]
    headers = {"X-Request-Id": "r1", **{f"X-Filler-{n}": "f" * 1000 for n in range(90)}}
    replay.serve(PATHS["openai"], Canned(stream.body, headers=headers))
    (attempt,) = record(gateway, limit=40_000).attempts
    header_size = sum(len(name) + len(value) for name, value in attempt.response_headers.items())
    assert 1000 < header_size <= 10_000
    assert attempt.response_headers["X-Request-Id"] == "r1"
    assert header_size + len(received(attempt)) + len(attempt.body) <= 40_000
    assert b"[DONE]" in received(attempt)


def test_a_request_beyond_the_limit_is_left_out_and_its_response_kept(replay: Replay, gateway: Gateway):
    replay.serve(PATHS["openai"], Canned(b"{}", headers=JSON))
    question = replace(QUESTION[0], parts=(TextPart("why " * 1000),))
    (attempt,) = record(gateway, messages=[question], limit=2000).attempts
    assert (attempt.body, attempt.omits_body, received(attempt)) == ("", True, b"{}")


@each_wire
def test_the_demo_gateway_is_recorded_as_any_other(wire: Wire):
    with closing(DemoGateway(100.0)) as server, closing(Gateway(Settings(base_url=server.url))) as client:
        exchange = record(client, wire, model="demo-echo")
    (attempt,) = exchange.attempts
    assert (attempt.status, attempt.error) == (200, "")
    texts = [event.text for event in replay_events(exchange, CancelToken(), speed=1e6) if isinstance(event, TextDelta)]
    assert "".join(texts)
