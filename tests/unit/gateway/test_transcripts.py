"""Recorded responses, complete, in chunks and truncated: the expected answer, or an interruption."""

import itertools
import re
from collections.abc import Iterable

import pytest

from lib.core import errors
from lib.core.target import Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.sse import iter_frames
from lib.gateway.wires.content.think_tags import split_thinking
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import FRAMINGS, Framing, Replay
from tests.unit.gateway.recordings import (
    COMPLETE_RESPONSES,
    ERROR_RESPONSES,
    FOLDER,
    PATHS,
    RECORDINGS,
    STREAMS,
    CollectedAnswer,
    Recording,
    ask,
    collect,
)

# These two are cut at every byte, the first over HTTP too. The others are cut at the ends of events unlike the one
# before, in their last event, and at every STRIDE-th byte, a prime so that many positions within an event occur.
SHORTEST = ("anthropic-empty.sse", "openai-empty.sse")
STRIDE, STRIDE_IN_MEMORY, STRIDE_OF_LAST_EVENT = 487, 97, 7
LAST_BYTES = 16

# Bytes that arrive together over HTTP: two sizes with each stream, and each size with several streams.
PIECES = (1, 2, 3, 7, 16, 63, 64)

ERROR_TYPES: dict[str, type[errors.GatewayError]] = {
    "anthropic-error-badkey.json": errors.KeyRejected,
    "anthropic-error-context.json": errors.ContextTooLong,
    "anthropic-error-no-messages.json": errors.GatewayUnavailable,
    "anthropic-error-nokey.json": errors.KeyRejected,
    "anthropic-error-not-json.json": errors.GatewayUnavailable,
    "openai-error-badkey.json": errors.KeyRejected,
    "openai-error-context.json": errors.ContextTooLong,
    "openai-error-no-messages.json": errors.InvalidRequest,
    "openai-error-nokey.json": errors.KeyRejected,
    "openai-error-not-json.json": errors.GatewayUnavailable,
}

each_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
each_framing = pytest.mark.parametrize("framing", FRAMINGS)


def assert_complete(answer: CollectedAnswer, recording: Recording) -> None:
    assert answer.text == recording.text
    assert answer.thinking == recording.thinking
    assert answer.reply.outcome() is recording.outcome
    assert (answer.reply.finish.reason if answer.reply.finish else None) == recording.finish
    assert answer.reply.usage == recording.usage
    assert type(answer.error) is (errors.StreamInterrupted if recording.finish is None else type(None))


def assert_complete_or_interrupted(answer: CollectedAnswer, recording: Recording, position: object) -> None:
    """A truncated stream is complete with a finish reason, or interrupted with a prefix of the text."""
    if answer.reply.finish is not None:
        assert answer.reply.outcome() is recording.outcome, position
        assert (answer.text, answer.thinking) == (recording.text, recording.thinking), position
    else:
        assert type(answer.error) is errors.StreamInterrupted, position
        assert recording.text.startswith(answer.text), position
        assert recording.thinking.startswith(answer.thinking), position


def parse(recording: Recording, chunks: Iterable[bytes]) -> CollectedAnswer:
    return collect(split_thinking(WIRE_MODULES[recording.wire].events(iter_frames(chunks))))


def ask_replay(replay: Replay, gateway: Gateway, recording: Recording, **options: object) -> CollectedAnswer:
    path = PATHS[recording.wire]
    replay.serve(path, recording.canned(**options))
    return ask(gateway, recording.wire)


def test_index_lists_every_recording() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"index.json"}
    assert {f"llama.{name}" for name in RECORDINGS} == files
    assert (len(STREAMS), len(ERROR_RESPONSES), len(COMPLETE_RESPONSES)) == (20, 10, 2)
    assert set(ERROR_TYPES) == {recording.name for recording in ERROR_RESPONSES}


@pytest.mark.slow
@each_framing
@each_stream
def test_stream_in_every_framing(stream: Recording, framing: Framing, replay: Replay, gateway: Gateway) -> None:
    assert_complete(ask_replay(replay, gateway, stream, framing=framing), stream)
    assert_complete(ask_replay(replay, gateway, stream, framing=framing, gzip=True, piece=50), stream)


@pytest.mark.slow
@each_stream
def test_chunks_of_any_size(stream: Recording, replay: Replay, gateway: Gateway) -> None:
    number = STREAMS.index(stream)
    # Each size with several streams, and each stream with an eighth of the sizes.
    for size in range(1 + number % 8, 65, 8):
        pieces = [stream.body[at : at + size] for at in range(0, len(stream.body), size)]
        assert_complete(parse(stream, pieces), stream)
    for size in {PIECES[number % 7], PIECES[(number + 3) % 7]}:
        assert_complete(ask_replay(replay, gateway, stream, piece=size), stream)


def ends_of_new_events(stream: Recording) -> list[int]:
    """Byte offsets of the ends of events unlike the one before: of another like it, only more text has come."""
    ends, previous = [], b""
    for match in re.finditer(rb"(.*?)\n\n", stream.body, re.DOTALL):
        shape = re.sub(rb':("(\\.|[^"\\])*"|[\d.]+)', b":", match[1])
        if shape != previous:
            ends.append(match.end())
        previous = shape
    return ends


def cut_positions(stream: Recording, step: int, *more: int) -> list[int]:
    """Byte offsets at which a stream is truncated: `more`, the last bytes, and every `step`-th."""
    size = len(stream.body)
    return sorted({*range(0, size, step), *more, *range(size - LAST_BYTES, size)} & set(range(size)))


def finish_event_start(stream: Recording) -> int:
    """Byte offset of the event with the finish reason; the size of a stream without one."""
    position = stream.body.find(b'_reason":"')
    return stream.body.rindex(b"\n\n", 0, position) if position >= 0 else len(stream.body)


@pytest.mark.slow
@each_stream
def test_truncated_stream_is_complete_or_interrupted(stream: Recording) -> None:
    around_events = [end + shift for end in ends_of_new_events(stream) for shift in (-1, 0, 1)]
    last_events = range(finish_event_start(stream), len(stream.body), STRIDE_OF_LAST_EVENT)
    step = 1 if stream.name in SHORTEST else STRIDE_IN_MEMORY
    for cut in cut_positions(stream, step, *around_events, *last_events):
        assert_complete_or_interrupted(parse(stream, [stream.body[:cut]]), stream, cut)


@pytest.mark.slow
@each_stream
def test_broken_connection_is_complete_or_interrupted(stream: Recording, replay: Replay, gateway: Gateway) -> None:
    framings = itertools.cycle(FRAMINGS)
    step = 1 if stream.name == SHORTEST[0] else STRIDE
    for cut in cut_positions(stream, step, *ends_of_new_events(stream)):
        framing = next(framings)
        answer = ask_replay(replay, gateway, stream, cut=cut, framing=framing)
        assert_complete_or_interrupted(answer, stream, (cut, framing))
        assert (answer.error is None) == (answer.reply.finish is not None), (cut, framing)


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("recording", ERROR_RESPONSES, ids=lambda recording: recording.name)
def test_error_response_has_its_type_and_message(
    recording: Recording, wire: Wire, replay: Replay, gateway: Gateway
) -> None:
    replay.serve(PATHS[wire], recording.canned(framing="length"))
    error = ask(gateway, wire).error
    assert type(error) is ERROR_TYPES[recording.name]
    assert error.status == recording.status
    assert error.detail and error.detail.encode() in recording.body


@each_framing
@pytest.mark.parametrize("recording", COMPLETE_RESPONSES, ids=lambda recording: recording.name)
def test_json_response_to_a_stream_request(
    recording: Recording, framing: Framing, replay: Replay, gateway: Gateway
) -> None:
    assert_complete(ask_replay(replay, gateway, recording, framing=framing), recording)
    assert_complete(ask_replay(replay, gateway, recording, framing=framing, piece=1), recording)


@pytest.mark.slow
@pytest.mark.parametrize("recording", COMPLETE_RESPONSES, ids=lambda recording: recording.name)
def test_truncated_json_response_is_interrupted(recording: Recording, replay: Replay, gateway: Gateway) -> None:
    for cut in range(0, len(recording.body), 5):
        answer = ask_replay(replay, gateway, recording, cut=cut, framing="close")
        assert (type(answer.error), answer.text) == (errors.StreamInterrupted, ""), cut
