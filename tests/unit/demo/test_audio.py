"""Audio routes of the demo gateway through OpenAI's SDK, and what the fake gateway refuses there."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator

import pytest

from lib.demo.audio import SPEECH_MODEL, TRANSCRIPTION_MODEL, speak
from tests.fake_gateway import FakeGateway
from tests.support import sdks


def silence(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(bytes(int(16_000 * seconds)))
    return file.getvalue()


@pytest.fixture(scope="module")
def sdk() -> Iterator[sdks.openai.OpenAI]:
    with (
        FakeGateway(1000) as gateway,
        sdks.openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="x", max_retries=0) as client,
    ):
        yield client


def test_speech_is_a_tone_for_each_word(sdk):
    audio = sdk.audio.speech.create(model=SPEECH_MODEL, input="one two one", voice="alloy").read()
    with wave.open(io.BytesIO(audio)) as file:
        first, second, third = (file.readframes(file.getnframes() // 3) for _ in range(3))
    assert first == third != second
    assert audio == speak("one two one")


def test_a_transcript_tells_the_duration(sdk):
    file = ("a.wav", silence(3.2), "audio/wav")
    create = sdk.audio.transcriptions.create
    assert create(model=TRANSCRIPTION_MODEL, file=file).text == "This is a recording of 3 seconds."
    assert create(model=TRANSCRIPTION_MODEL, file=file, language="zh").text == "这是一段3秒的录音。"
    assert create(model=TRANSCRIPTION_MODEL, file=file).usage.seconds == 4


@pytest.mark.filterwarnings("ignore:deprecated")
def test_a_translation_is_in_english(sdk):
    text = sdk.audio.translations.create(model=TRANSCRIPTION_MODEL, file=("a.wav", silence(1), "audio/wav")).text
    assert text == "This is the translation of a recording of 1 seconds."


@pytest.mark.parametrize(
    "fields",
    [
        {"input": ""},
        {"input": "x" * 4097},
        {"voice": ""},
        {"response_format": "midi"},
        {"speed": 5},
        {"extra_body": {"unknown": 1}},
    ],
    ids=str,
)
def test_speech_with_an_invalid_field_is_refused(sdk, fields):
    with pytest.raises(sdks.openai.BadRequestError):
        sdk.audio.speech.create(**{"model": SPEECH_MODEL, "input": "x", "voice": "alloy", **fields})


@pytest.mark.parametrize("fields", [{"file": ("a.wav", b"", "audio/wav")}, {"language": "english"}], ids=str)
def test_a_transcription_with_an_invalid_field_is_refused(sdk, fields):
    with pytest.raises(sdks.openai.BadRequestError):
        file = ("a.wav", silence(1), "audio/wav")
        sdk.audio.transcriptions.create(**{"model": TRANSCRIPTION_MODEL, "file": file, **fields})


def test_a_model_of_another_kind_is_unknown_there(sdk):
    with pytest.raises(sdks.openai.NotFoundError):
        sdk.audio.speech.create(model="demo-tour", input="x", voice="alloy")
