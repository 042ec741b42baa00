"""Transcription: text, language, ledger row, cancel, and refused recordings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lib.chat.voice.requests import VoiceServices
from lib.chat.voice.transcription import TranscriptionJob, transcribe
from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.core.events import TextDelta, UsageReport
from lib.core.voice import MAX_RECORDING_BYTES, Recording, VoiceModels, wav_duration
from lib.core.voice_errors import NoSpeech, RecordingTooLong
from lib.demo.audio import speak
from tests.unit.chat.services import FakeUsageStore, wait_until

RECORDING = Recording(b"abc", "audio/wav", 60.0)


class ScriptedAudio:
    """Audio routes that return a text, or an error, or nothing until a cancel."""

    def __init__(self, answer: str | errors.AnswerError | None) -> None:
        self.answer = answer
        self.sent: list[tuple[Any, ...]] = []

    def transcribe(self, model, recording, language, cancel, conversation_id, *, to_english) -> Iterator[Any]:
        self.sent.append((model, recording.data, language, to_english))
        if isinstance(self.answer, errors.AnswerError):
            raise self.answer
        if self.answer is None:
            while not cancel.wait(0.005):
                pass
            return
        yield TextDelta(self.answer)
        yield UsageReport(Usage(1000, 0))


def build(answer: str | errors.AnswerError | None) -> tuple[VoiceServices, ScriptedAudio, FakeUsageStore]:
    audio, usage = ScriptedAudio(answer), FakeUsageStore()
    return VoiceServices("ann", audio, usage, VoiceModels(transcription="whisper-1")), audio, usage


def test_a_recording_becomes_text_and_a_row_of_the_ledger():
    services, audio, usage = build("Hello")
    assert transcribe(services, RECORDING, "en") == "Hello"
    assert transcribe(services, RECORDING, to_english=True, conversation_id="c1") == "Hello"
    assert audio.sent == [("whisper-1", b"abc", "en", False), ("whisper-1", b"abc", "", True)]
    first, second = (record for _, record in usage.records)
    assert (first.purpose, first.usage, first.outcome) == ("transcription", Usage(1000, 0), Outcome.COMPLETE)
    assert (first.conversation_id, second.conversation_id) == (None, "c1")


@pytest.mark.parametrize(
    ("recording", "error"),
    [
        (Recording(b""), NoSpeech),
        (Recording(b"abc", duration=0.0), NoSpeech),
        (Recording(bytes(MAX_RECORDING_BYTES + 1)), RecordingTooLong),
    ],
)
def test_a_recording_that_is_refused_is_not_sent(recording, error):
    services, audio, usage = build("Hello")
    with pytest.raises(error):
        transcribe(services, recording)
    assert (audio.sent, usage.records) == ([], [])


def test_a_recording_without_words_says_so_and_is_counted():
    services, _, usage = build("")
    with pytest.raises(NoSpeech):
        transcribe(services, RECORDING)
    assert len(usage.records) == 1


def test_a_job_ends_with_its_text_or_its_error():
    services, _, usage = build("Hello")
    job = TranscriptionJob(services, RECORDING)
    assert job.wait(20)
    assert (job.state, job.text, job.error) == ("done", "Hello", None)
    services, _, usage = build(errors.RateLimited())
    job = TranscriptionJob(services, RECORDING)
    assert job.wait(20)
    assert job.state == "failed"
    assert isinstance(job.error, errors.RateLimited)
    assert usage.records[0][1].outcome is Outcome.FAILED


def test_a_cancelled_job_stops_its_request():
    services, audio, usage = build(None)
    job = TranscriptionJob(services, RECORDING)
    wait_until(lambda: audio.sent)
    job.cancel()
    assert job.wait(20)
    assert (job.state, usage.records[0][1].outcome) == ("cancelled", Outcome.STOPPED)


def test_the_duration_of_a_wav_file_is_read_from_its_header():
    assert wav_duration(speak("one two")) == pytest.approx(0.28, abs=0.01)
    assert wav_duration(b"RIFF") is None
    assert wav_duration(b"") is None
