"""Recorded answers, whole, in pieces and cut at every byte: what was said, or a word that it is not whole."""

import itertools
from collections.abc import Iterable

import pytest

from lib.core import errors
from lib.core.target import Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.sse import iter_frames
from lib.gateway.wires.request_body import WIRE_MODULES
from lib.gateway.wires.think_tags import split_thinking
from tests.support.replay import FRAMINGS, Framing, Replay
from tests.unit.gateway.recordings import (
    FOLDER,
    PATHS,
    RECORDINGS,
    REFUSALS,
    STREAMS,
    WHOLE,
    Heard,
    Recording,
    ask,
    hear,
)

SLICES = 4
# These two are cut at every byte, over HTTP too. All others at every so-manieth, which is prime so that no
# place in a frame is left out, and at each of their end.
SHORTEST = ("openai-empty.sse", "anthropic-empty.sse")
STRIDE, END = 41, 128
STRIDE_IN_MEMORY, END_IN_MEMORY = 7, 1024

REFUSED_AS: dict[str, type[errors.GatewayError]] = {
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
each_slice = pytest.mark.parametrize("part", range(SLICES))
each_framing = pytest.mark.parametrize("framing", FRAMINGS)


def assert_whole(heard: Heard, recording: Recording) -> None:
    assert heard.text == recording.text
    assert heard.thinking == recording.thinking
    assert heard.reply.outcome() is recording.outcome
    assert (heard.reply.finish.reason if heard.reply.finish else None) == recording.finish
    assert heard.reply.usage == recording.usage
    assert type(heard.error) is (errors.StreamInterrupted if recording.finish is None else type(None))


def assert_honest(heard: Heard, recording: Recording, where: object) -> None:
    """A cut answer is whole, as its last word proves, or says that it is not and invents nothing."""
    if heard.reply.finish is not None:
        assert heard.reply.outcome() is recording.outcome, where
        assert (heard.text, heard.thinking) == (recording.text, recording.thinking), where
    else:
        assert type(heard.error) is errors.StreamInterrupted, where
        assert recording.text.startswith(heard.text), where
        assert recording.thinking.startswith(heard.thinking), where


def parsed(recording: Recording, chunks: Iterable[bytes]) -> Heard:
    return hear(split_thinking(WIRE_MODULES[recording.wire].events(iter_frames(chunks))))


def replayed(replay: Replay, asked: Gateway, recording: Recording, **how: object) -> Heard:
    path = PATHS[recording.wire]
    replay.serve(path, recording.canned(**how))
    return ask(asked, recording.wire)


def test_the_index_names_every_recording_and_all_kinds_of_them() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"index.json"}
    assert {f"llama.{name}" for name in RECORDINGS} == files
    assert (len(STREAMS), len(REFUSALS), len(WHOLE)) == (20, 10, 2)
    assert set(REFUSED_AS) == {recording.name for recording in REFUSALS}


@each_framing
@each_stream
def test_a_whole_stream_is_what_was_said(
    stream: Recording, framing: Framing, replay: Replay, asked: Gateway
) -> None:
    assert_whole(replayed(replay, asked, stream, framing=framing), stream)
    assert_whole(replayed(replay, asked, stream, framing=framing, gzip=True, piece=50), stream)


@each_stream
def test_pieces_of_any_size_change_nothing(stream: Recording, replay: Replay, asked: Gateway) -> None:
    for size in range(1, 65):
        pieces = [stream.body[at : at + size] for at in range(0, len(stream.body), size)]
        assert_whole(parsed(stream, pieces), stream)
    for size in (1, 2, 3, 7, 16, 63, 64):
        assert_whole(replayed(replay, asked, stream, piece=size), stream)


def cuts(stream: Recording, stride: int, end: int) -> list[int]:
    """The places where a stream is cut."""
    size = len(stream.body)
    every = 1 if stream.name in SHORTEST else stride
    return sorted({*range(0, size, every), *range(max(0, size - end), size)})


@each_slice
@each_stream
def test_cut_anywhere_it_is_whole_or_says_that_it_is_not(stream: Recording, part: int) -> None:
    for cut in cuts(stream, STRIDE_IN_MEMORY, END_IN_MEMORY)[part::SLICES]:
        assert_honest(parsed(stream, [stream.body[:cut]]), stream, cut)


@each_slice
@each_stream
def test_cut_on_the_way_it_is_whole_or_says_that_it_is_not(
    stream: Recording, part: int, replay: Replay, asked: Gateway
) -> None:
    framings = itertools.cycle(FRAMINGS)
    for cut in cuts(stream, STRIDE, END)[part::SLICES]:
        framing = next(framings)
        heard = replayed(replay, asked, stream, cut=cut, framing=framing)
        assert_honest(heard, stream, (cut, framing))
        assert (heard.error is None) == (heard.reply.finish is not None), (cut, framing)


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda recording: recording.name)
def test_a_refusal_is_its_kind_and_keeps_its_words(
    refusal: Recording, wire: Wire, replay: Replay, asked: Gateway
) -> None:
    replay.serve(PATHS[wire], refusal.canned(framing="length"))
    error = ask(asked, wire).error
    assert type(error) is REFUSED_AS[refusal.name]
    assert error.status == refusal.status
    assert error.detail and error.detail.encode() in refusal.body


@each_framing
@pytest.mark.parametrize("whole", WHOLE, ids=lambda recording: recording.name)
def test_a_whole_json_answer_to_a_stream_request_is_read(
    whole: Recording, framing: Framing, replay: Replay, asked: Gateway
) -> None:
    assert_whole(replayed(replay, asked, whole, framing=framing), whole)
    assert_whole(replayed(replay, asked, whole, framing=framing, piece=1), whole)


@pytest.mark.parametrize("whole", WHOLE, ids=lambda recording: recording.name)
def test_a_whole_json_answer_cut_anywhere_says_nothing_and_that_it_is_cut(
    whole: Recording, replay: Replay, asked: Gateway
) -> None:
    for cut in range(0, len(whole.body), 5):
        heard = replayed(replay, asked, whole, cut=cut, framing="close")
        assert (type(heard.error), heard.text) == (errors.StreamInterrupted, ""), cut
