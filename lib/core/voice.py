"""Voice: recordings, transcripts, voices, and the usage of audio requests."""

from __future__ import annotations

import io
import math
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.core import tokens
from lib.core.conversation import Usage
from lib.core.sanitize import parse_token_count

MAX_SPEECH_CHARS = 4096  # of one request. Source: OpenAI, "Create speech"
MAX_RECORDING_SECONDS = 600
MAX_RECORDING_BYTES = 25_000_000  # Source: OpenAI, "Create transcription"; more is refused with 413
SPEEDS = (0.75, 1.0, 1.25, 1.5, 2.0)  # of the playback
# new-api, service/token_counter.go: a minute of audio that is transcribed counts as 1,000 tokens.
_TRANSCRIPTION_TOKENS_PER_MINUTE = 1000
# OpenAI's price page: gpt-4o-mini-tts costs $12 per million tokens of audio, about $0.015 per minute.
_SPEECH_TOKENS_PER_MINUTE = 1250
# Characters that are spoken in a second.
_WIDE_CHARS_PER_SECOND, _CHARS_PER_SECOND = 4.5, 15.0
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Models with a price per character of their input. Source: OpenAI's price page; new-api counts their characters too.
_PRICED_BY_CHARACTER = re.compile(r"(?:^|/)tts-\d", re.IGNORECASE)
# Source: OpenAI, "Text to speech", "Voice options".
_FIRST_VOICES = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
_LATER_VOICES = ("ballad", "cedar", "marin", "verse")
# The frame header of MPEG audio, layer III, and of AAC in ADTS.
_MP3 = re.compile(rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb](?![\xf0-\xff])")
_AAC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")


@dataclass(frozen=True)
class Recording:
    """Audio to transcribe: its bytes, its media type by content, and its duration in seconds, None if unknown."""

    data: bytes = field(repr=False)
    media_type: str = "audio/wav"
    duration: float | None = None


@dataclass(frozen=True)
class VoiceModels:
    """Ids of the models for speech and for transcription, "" where there is none; `voices` has the default first."""

    speech: str = ""
    transcription: str = ""
    voices: tuple[str, ...] = ()

    def select_voice(self, preferred: str) -> str:
        """Return the preferred voice if it is offered, else the default."""
        return preferred if preferred in self.voices or not self.voices else self.voices[0]


def wav_duration(data: bytes) -> float | None:
    """Return the seconds of a WAV file, None for one that cannot be read."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError, ArithmeticError):
        return None


def default_voices(model: str) -> tuple[str, ...]:
    """Return OpenAI's voices for a model, the default first."""
    return _FIRST_VOICES if _PRICED_BY_CHARACTER.search(model) else tuple(sorted(_FIRST_VOICES + _LATER_VOICES))


def speech_usage(model: str, text: str) -> Usage:
    """Return the usage of a text that is spoken: responses with audio state none, so the output is an estimate.

    Models with a price per character count characters as input tokens, and no output.
    """
    if _PRICED_BY_CHARACTER.search(model):
        return Usage(len(text), 0)
    wide = len(_WIDE.findall(text))
    seconds = wide / _WIDE_CHARS_PER_SECOND + (len(text) - wide) / _CHARS_PER_SECOND
    return Usage(tokens.estimate(text), math.ceil(seconds * _SPEECH_TOKENS_PER_MINUTE / 60))


def recording_usage(seconds: float | None) -> Usage:
    """Return the usage of a transcription by the duration of its audio; unknown for an unknown duration."""
    if seconds is None:
        return Usage()
    return Usage(math.ceil(seconds * _TRANSCRIPTION_TOKENS_PER_MINUTE / 60), 0)


def transcription_usage(reported: Mapping[str, Any], duration: float | None) -> Usage:
    """Return the usage in a response: tokens, else by its seconds, else by those of the recording."""
    for names in (("input_tokens", "output_tokens"), ("prompt_tokens", "completion_tokens")):
        counts = [parse_token_count(reported.get(name)) for name in names]
        if counts[0] is not None and counts[1] is not None and any(counts):
            return Usage(counts[0], counts[1])
    seconds = reported.get("seconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 10**7
    return recording_usage(float(seconds) if is_number and seconds is not None else duration)


def audio_type(head: bytes) -> str:
    """Return the media type of audio that browsers play; "" for anything else.

    The containers MP4, WebM and Ogg may hold video besides.
    """
    if head.startswith(b"RIFF"):
        return "audio/wav" if head[8:12] == b"WAVE" else ""
    if head[4:8] == b"ftyp":
        return "audio/mp4"
    for start, media_type in ((b"\x1aE\xdf\xa3", "audio/webm"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac")):
        if head.startswith(start):
            return media_type
    if _MP3.match(head):
        return "audio/mpeg"
    return "audio/aac" if _AAC.match(head) else ""
