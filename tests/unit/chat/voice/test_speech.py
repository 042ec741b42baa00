"""Answers read aloud: one request per passage and only as wanted, ledger rows, limits, Stop, replay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lib.chat.usage.limits import NoLimits
from lib.chat.voice.requests import VoiceServices
from lib.chat.voice.speech import Reading, SpeechReader, Stopped
from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.core.events import ProviderMetadata, UsageReport
from lib.core.voice import VoiceModels, speech_usage
from lib.core.voice_errors import NothingToRead
from lib.gateway.transport.cancel import CancelToken
from tests.unit.chat.services import FakeUsageStore, wait_until

AUDIO = b"RIFF\0\0\0\0WAVE"
TEXTS = ["One.", "Two.", "Three.", "Four."]


class ScriptedAudio:
    """Audio routes that speak each text as AUDIO; `hold` keeps a text waiting, `failing` refuses one."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.hold: str = ""
        self.failing: str = ""

    def speak(self, model: str, text: str, voice: str, cancel: CancelToken, *_: Any) -> Iterator[Any]:
        self.sent.append(text)
        yield ProviderMetadata({"request_id": f"id-{text}"})
        if text == self.failing:
            raise errors.InvalidRequest("no")
        yield AUDIO
        yield UsageReport(speech_usage(model, text))
        while text == self.hold and not cancel.wait(0.005):
            pass
        if not cancel.cancelled:
            yield text.encode()


class FullQuota(NoLimits):
    """Limits that are used up."""

    def reserve(self, *_: Any, **__: Any) -> None:
        raise errors.PriceUnknown


@pytest.fixture
def audio() -> ScriptedAudio:
    return ScriptedAudio()


@pytest.fixture
def usage() -> FakeUsageStore:
    return FakeUsageStore()


@pytest.fixture
def services(audio, usage) -> VoiceServices:
    return VoiceServices("ann", audio, usage, VoiceModels("tts-1"))


def listen(reading: Reading, index: int) -> bytes:
    """Play a passage to its end; returns its audio. Raises the error that ended it."""
    passage, changed = reading.want(index), threading.Event()
    with passage.listening(changed.set):
        while not (chunk := passage.read(0)).is_end:
            assert changed.wait(20)
            changed.clear()
    if chunk.error:
        raise chunk.error
    return chunk.data


def test_a_passage_is_requested_with_the_next_one_and_no_other(services, audio, usage):
    reading = SpeechReader().open(services, TEXTS, "nova")
    assert listen(reading, 0) == AUDIO + b"One."
    wait_until(lambda: len(usage.records) == 2)
    assert audio.sent == TEXTS[:2]
    assert listen(reading, 1) == AUDIO + b"Two."
    wait_until(lambda: len(usage.records) == 3)
    assert audio.sent == TEXTS[:3]


def test_each_request_is_a_row_of_the_ledger(services, usage):
    listen(SpeechReader().open(services, TEXTS[:1], "nova", "c1"), 0)
    wait_until(lambda: usage.records)
    ((owner, record),) = usage.records
    assert (owner, record.purpose, record.target.model, record.conversation_id) == ("ann", "speech", "tts-1", "c1")
    assert (record.outcome, record.usage, record.request_id) == (Outcome.COMPLETE, Usage(4, 0), "id-One.")


def test_a_replay_costs_nothing(services, audio):
    reader = SpeechReader()
    reading = reader.open(services, TEXTS[:2], "nova")
    first = [listen(reading, index) for index in (0, 1)]
    again = reader.open(services, TEXTS[:2], "nova")
    assert [listen(again, index) for index in (0, 1)] == first
    assert audio.sent == TEXTS[:2]
    listen(reader.open(services, TEXTS[:2], "echo"), 0)
    assert len(audio.sent) > 2


def test_stop_ends_the_request_and_nothing_more_is_sent(services, audio, usage):
    audio.hold = "One."
    reader = SpeechReader()
    reading = reader.open(services, TEXTS, "")
    passage = reading.want(0)
    wait_until(lambda: passage.size)
    reader.stop()
    wait_until(lambda: usage.records)
    assert usage.records[0][1].outcome is Outcome.STOPPED
    wait_until(lambda: passage.read(0).is_end)
    assert isinstance(passage.read(0).error, Stopped)
    assert audio.sent == ["One."]
    audio.hold = ""
    assert listen(reading, 0) == AUDIO + b"One."


def test_another_answer_stops_the_first(services, audio, usage):
    audio.hold = "One."
    reader = SpeechReader()
    passage = reader.open(services, TEXTS, "").want(0)
    wait_until(lambda: passage.size)
    assert listen(reader.open(services, ["Other."], ""), 0) == AUDIO + b"Other."
    wait_until(lambda: passage.read(0).is_end)
    assert passage.read(0).error.code == Stopped.code


def test_an_error_ends_the_reading_until_it_is_wanted_again(services, audio, usage):
    audio.failing = "Two."
    reading = SpeechReader().open(services, TEXTS, "")
    assert listen(reading, 0) == AUDIO + b"One."
    with pytest.raises(errors.InvalidRequest):
        listen(reading, 1)
    wait_until(lambda: len(usage.records) >= 2)
    assert usage.records[1][1].outcome is Outcome.FAILED
    audio.failing = ""
    assert listen(reading, 1) == AUDIO + b"Two."


def test_a_limit_refuses_before_anything_is_sent(services, audio, usage):
    limited = VoiceServices("ann", audio, usage, VoiceModels("tts-1"), get_limits=FullQuota)
    with pytest.raises(errors.PriceUnknown):
        listen(SpeechReader().open(limited, TEXTS, ""), 0)
    assert (audio.sent, usage.records) == ([], [])


def test_an_answer_without_words_is_not_read(services):
    with pytest.raises(NothingToRead):
        SpeechReader().open(services, [], "")


def test_an_error_is_reported_once_and_a_stop_never():
    reader = SpeechReader()
    reader.report(Stopped())
    assert reader.take_error() is None
    reader.report(errors.RateLimited())
    assert isinstance(reader.take_error(), errors.RateLimited)
    assert reader.take_error() is None
