"""Audio routes: requests equal to those of OpenAI's SDK, responses by their content, retries, cancel."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Usage
from lib.core.events import RetryScheduled, TextDelta, UsageReport
from lib.core.voice import Recording
from lib.demo.audio import speak
from lib.demo.wire import parse_form
from lib.gateway.audio import SPEECH_PATH, TRANSCRIPTION_PATH, TRANSLATION_PATH
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.support import sdks
from tests.support.replay import JSON, Canned, Replay, Request
from tests.unit.gateway.recordings import KEY, build_gateway

WAV = speak("one two three")
RECORDING = Recording(WAV, "audio/wav", 90.0)
MPEG = b"\xff\xfb\x90\x00" + bytes(400)
AUDIO = {"Content-Type": "audio/mpeg"}


@pytest.fixture
def sdk(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Iterator[sdks.openai.OpenAI]:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with sdks.openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0) as client:
        yield client


def read_speech(gateway: Gateway, cancel: CancelToken | None = None) -> bytes:
    items = gateway.audio.speak("tts-1", "Hello. 你好。", "nova", cancel or CancelToken())
    return b"".join(item for item in items if isinstance(item, bytes))


def transcribe(gateway: Gateway, language: str = "de", **options: Any) -> list[Any]:
    return list(gateway.audio.transcribe("whisper-1", RECORDING, language, CancelToken(), **options))


def form_of(request: Request) -> tuple[dict[str, str], dict[str, list[bytes]]]:
    return parse_form(request.body, request.headers["content-type"])


def test_speech_is_requested_as_by_the_sdk(replay: Replay, gateway: Gateway, sdk: sdks.openai.OpenAI) -> None:
    replay.serve(SPEECH_PATH, Canned(MPEG, headers=AUDIO))
    assert read_speech(gateway) == MPEG
    sdk.audio.speech.create(model="tts-1", input="Hello. 你好。", voice="nova", response_format="mp3")
    ours, theirs = replay.requests
    assert ours.json == theirs.json
    assert ours.headers["authorization"] == theirs.headers["authorization"]


@pytest.mark.filterwarnings("ignore:deprecated")
def test_a_transcription_is_requested_as_by_the_sdk(replay: Replay, gateway: Gateway, sdk: sdks.openai.OpenAI) -> None:
    replay.serve(TRANSCRIPTION_PATH, Canned(b'{"text": " Hallo. "}', headers=JSON))
    replay.serve(TRANSLATION_PATH, Canned(b'{"text": "Hello."}', headers=JSON))
    file = ("file.wav", WAV, "audio/wav")
    assert [event.text for event in transcribe(gateway) if isinstance(event, TextDelta)] == ["Hallo."]
    sdk.audio.transcriptions.create(model="whisper-1", file=file, language="de")
    transcribe(gateway, to_english=True)
    sdk.audio.translations.create(model="whisper-1", file=file)
    list(gateway.audio.transcribe("gpt-transcribe", RECORDING, "de", CancelToken()))
    sdk.audio.transcriptions.create(model="gpt-transcribe", file=file, languages=["de"])
    for ours, theirs in zip(replay.requests[::2], replay.requests[1::2], strict=True):
        assert form_of(ours) == form_of(theirs)
        assert ours.path == theirs.path
        assert b'filename="file.wav"\r\nContent-Type: audio/wav' in ours.body
    assert form_of(replay.requests[0])[1] == {"file": [WAV]}


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"type": "tokens", "input_tokens": 14, "output_tokens": 45}, Usage(14, 45)),
        ({"prompt_tokens": 7, "completion_tokens": 3}, Usage(7, 3)),
        ({"type": "duration", "seconds": 30}, Usage(500, 0)),
        ({"seconds": "x"}, Usage(1500, 0)),
        ({}, Usage(1500, 0)),
    ],
)
def test_usage_is_that_of_the_response_else_of_the_recording(
    replay: Replay, gateway: Gateway, reported: dict[str, Any], usage: Usage
) -> None:
    body = json.dumps({"text": "a", "usage": reported}).encode()
    replay.serve(TRANSCRIPTION_PATH, Canned(body, headers=JSON))
    assert [event.usage for event in transcribe(gateway) if isinstance(event, UsageReport)] == [usage]


def test_speech_of_any_size_of_pieces_is_the_same(replay: Replay, gateway: Gateway) -> None:
    for piece in (1, 7, None):
        replay.serve(SPEECH_PATH, Canned(WAV[:400], headers={"Content-Type": "text/plain"}, piece=piece))
        assert read_speech(gateway) == WAV[:400]


@pytest.mark.parametrize(
    ("canned", "error"),
    [
        (Canned(b'{"error": {"message": "bad voice"}}', 400, headers=JSON), errors.InvalidRequest),
        (Canned(b'{"error": {"code": "insufficient_quota", "message": "x"}}', headers=JSON), errors.QuotaExhausted),
        (Canned(b"<html><body>Sign in</body></html>", headers=AUDIO), errors.InvalidResponse),
        (Canned(b"", headers=AUDIO), errors.InvalidResponse),
        (Canned(b"no such route", 404, headers=JSON), errors.EndpointNotFound),
    ],
)
def test_what_is_no_audio_is_an_error(replay: Replay, gateway: Gateway, canned: Canned, error: type) -> None:
    replay.serve(SPEECH_PATH, canned)
    with pytest.raises(errors.AnswerError) as raised:
        read_speech(gateway)
    assert type(raised.value) is error


@pytest.mark.parametrize("body", [b'{"text": 1}', b"", b"<html>x</html>", b'{"text": "cut', b'["a"]'])
def test_what_is_no_transcript_is_an_error(replay: Replay, gateway: Gateway, body: bytes) -> None:
    replay.serve(TRANSCRIPTION_PATH, Canned(body, headers=JSON))
    with pytest.raises(errors.InvalidResponse):
        transcribe(gateway)


def test_a_refusal_is_retried_by_its_class_and_redacted(replay: Replay) -> None:
    gateway = build_gateway(replay, retries=1)
    busy = Canned(b'{"error": {"message": "slow down"}}', 429, {**JSON, "retry-after-ms": "1"})
    replay.serve(TRANSCRIPTION_PATH, busy, Canned(b'{"text": "a"}', headers=JSON))
    assert [type(event) for event in transcribe(gateway)][:1] == [RetryScheduled]
    replay.serve(TRANSCRIPTION_PATH, Canned(f'{{"error": {{"message": "no {KEY}"}}}}'.encode(), 400, headers=JSON))
    with pytest.raises(errors.InvalidRequest) as raised:
        transcribe(gateway)
    assert KEY not in str(raised.value)
    gateway.close()


def test_speech_that_breaks_after_its_first_bytes_is_not_requested_again(replay: Replay) -> None:
    gateway = build_gateway(replay, retries=2)
    replay.serve(SPEECH_PATH, Canned(MPEG, headers=AUDIO, framing="length", cut=100))
    with pytest.raises(errors.StreamInterrupted):
        read_speech(gateway)
    assert len(replay.requests) == 1
    gateway.close()


def test_cancel_ends_a_silent_stream_upstream(replay: Replay, gateway: Gateway) -> None:
    cancel = CancelToken()
    replay.serve(SPEECH_PATH, Canned(MPEG, headers=AUDIO, silence=100))
    items = gateway.audio.speak("tts-1", "Hello", "", cancel)
    while not isinstance(next(items), bytes):
        pass
    threading.Thread(target=cancel.cancel).start()
    with pytest.raises((errors.AnswerError, StopIteration)):
        while True:
            next(items)
    assert replay.wait_for_no_connection()
