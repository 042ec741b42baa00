"""Maximum length of an answer: cut exactly there, with the request closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.config.settings import ServerSettings, Settings
from lib.core.conversation import ANSWER_LIMIT, ImagePart, Outcome, Usage
from lib.core.events import (
    ContentPart,
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.gateway import answer_limit
from lib.gateway.answer_limit import limit_answer
from lib.gateway.client import Gateway
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import Canned
from tests.unit.gateway.recordings import KEY, PATHS, ask

CUT = Finish(Outcome.LENGTH, ANSWER_LIMIT)


def test_text_and_thinking_are_cut_at_the_maximum():
    events = [ThinkingDelta("1234"), TextDelta("567"), Heartbeat(), TextDelta("890ab"), TextDelta("c")]
    assert list(limit_answer(events, 10)) == [*events[:3], TextDelta("890"), CUT]
    assert list(limit_answer(events, 7)) == [*events[:3], CUT]
    assert list(limit_answer(events, 13)) == events


def test_an_answer_of_just_the_maximum_is_complete():
    events = [TextDelta("12345"), Finish(Outcome.COMPLETE, "stop"), UsageReport(Usage(1, 2))]
    assert list(limit_answer(events, 5)) == events


def test_all_alternatives_end():
    events = [TextDelta("12", choice=0), TextDelta("34", choice=2), TextDelta("5678", choice=1)]
    expected = [*events[:2], TextDelta("5", choice=1), *(replace(CUT, choice=choice) for choice in (0, 1, 2))]
    assert list(limit_answer(events, 5)) == expected


@pytest.mark.parametrize(
    "event", [SignatureDelta("s" * 50), ProviderMetadata({"tool_calls": ["a" * 50]}), ProviderMetadata({"a" * 50: 1})]
)
def test_other_content_counts_too(event):
    endless = iter(lambda: event, None)
    received = list(limit_answer(endless, 1000))
    assert received[-1] == CUT
    assert len(received) < 20


def test_images_have_a_maximum_of_their_own(monkeypatch):
    monkeypatch.setattr(answer_limit, "MAX_IMAGE_CHARS", 100)
    image = ContentPart(ImagePart("image/png", "x" * 40))
    assert list(limit_answer([image] * 9, 10)) == [image, image, CUT]


def test_the_request_is_closed():
    is_closed = False

    def events() -> Iterator[Event]:
        nonlocal is_closed
        try:
            while True:
                yield TextDelta("more ")
        finally:
            is_closed = True

    assert list(limit_answer(events(), 12))[-2:] == [TextDelta("mo"), CUT]
    assert is_closed


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_the_clients_answers_end_at_the_operators_maximum(replay, wire):
    text = "word " * 1000
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    chunk = {"choices": [{"delta": {"content": text}}]} if wire == "openai" else delta
    body = f"data: {json.dumps(chunk)}\n\n".encode() * 50
    replay.serve(PATHS[wire], Canned(body))
    server = ServerSettings(max_answer_chars=12_345)
    answer = ask(Gateway(Settings(api_key=KEY, base_url=replay.url, server=server)), wire)
    assert (len(answer.text), answer.error) == (12_345, None)
    assert (answer.reply.outcome(), answer.reply.finish.reason) == (Outcome.LENGTH, ANSWER_LIMIT)
    assert len(replay.requests) == 1
