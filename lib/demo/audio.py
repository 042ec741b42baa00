"""Speech and transcription of the demo gateway: tones for words, and a text that tells the duration of a recording."""

import io
import json
import math
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zlib import crc32

from lib.demo.wire import ErrorResponse, TokenCounts, parse_form

SPEECH, TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"
AUDIO_PATHS = (SPEECH, TRANSCRIPTIONS, TRANSLATIONS)
SPEECH_MODEL, TRANSCRIPTION_MODEL = "demo-speech", "demo-transcribe"
# The endpoint type and a description in English and Chinese.
AUDIO_MODELS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        SPEECH_MODEL: ("audio-speech", "a tone for each word, to read answers aloud", "用音调代替词语，用于朗读回答"),
        TRANSCRIPTION_MODEL: ("audio-transcription", "the length of a recording, as dictation", "录音的时长，用于听写"),
    }
)
SECONDS_BEFORE_AUDIO = 0.4
MAX_INPUT_CHARS = 4096  # as OpenAI's
_RATE = 16_000  # samples a second
_NOTE_SECONDS, _LOUDNESS, _FADE = 0.14, 5000, 0.02
_SCALE = (220.0, 247.5, 275.0, 330.0, 371.25, 440.0)  # Hz, pentatonic: any order sounds well
_MAX_NOTES = 60
_SECONDS_PER_TOKEN = 0.06


@dataclass(frozen=True)
class AudioRequest:
    """A parsed request of one of the audio routes."""

    path: str
    model: str
    text: str = ""
    recording: bytes = b""
    language: str = ""

    def counts(self) -> TokenCounts:
        """Return the tokens to be billed."""
        if self.path == SPEECH:
            return TokenCounts(len(self.text), 0)
        return TokenCounts(math.ceil(recording_seconds(self.recording) / _SECONDS_PER_TOKEN), 0)


def parse_audio_request(body: bytes, path: str, content_type: str) -> AudioRequest:
    """Parse a body in JSON or in multipart form. Raises ErrorResponse (400) for a malformed one."""
    try:
        if path == SPEECH:
            fields = json.loads(body)
            text = fields["input"]
            if not isinstance(text, str) or not 0 < len(text) <= MAX_INPUT_CHARS:
                raise ValueError
            return AudioRequest(path, str(fields["model"]), text)
        texts, files = parse_form(body, content_type)
        return AudioRequest(path, texts["model"], recording=files["file"][0], language=texts.get("language", ""))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ErrorResponse(400, "invalid_request_error", "The request body is malformed.") from error


def speak(text: str) -> bytes:
    """Return a WAV file with one tone for each word, the same for the same word."""
    words = text.split() or ["-"]
    samples = b"".join(_note(_SCALE[crc32(word.encode(errors="replace")) % len(_SCALE)]) for word in words[:_MAX_NOTES])
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(_RATE)
        wav.writeframes(samples)
    return file.getvalue()


def transcribe(request: AudioRequest) -> dict[str, Any]:
    """Return a transcript, which says in English or Chinese for how many seconds somebody spoke."""
    seconds = recording_seconds(request.recording)
    if request.language == "zh" and request.path == TRANSCRIPTIONS:
        text = f"这是一段{seconds:.0f}秒的录音。"
    elif request.path == TRANSLATIONS:
        text = f"This is the translation of a recording of {seconds:.0f} seconds."
    else:
        text = f"This is a recording of {seconds:.0f} seconds."
    return {"text": text, "usage": {"type": "duration", "seconds": math.ceil(seconds)}}


def recording_seconds(recording: bytes) -> float:
    """Return the duration of a WAV file; of another file that of a stream of 32 kbit/s of its size."""
    try:
        with wave.open(io.BytesIO(recording)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError, ArithmeticError):
        return len(recording) / 4000


@lru_cache(maxsize=len(_SCALE))
def _note(frequency: float) -> bytes:
    """Return the samples of a tone that begins and ends softly."""
    count = int(_RATE * _NOTE_SECONDS)
    fade = int(_RATE * _FADE)
    samples = (
        round(_LOUDNESS * min(1.0, i / fade, (count - i) / fade) * math.sin(2 * math.pi * frequency * i / _RATE))
        for i in range(count)
    )
    return struct.pack(f"<{count}h", *samples)
