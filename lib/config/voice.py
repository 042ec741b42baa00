"""Settings of voice: models for dictation and for reading aloud, and the voices to choose from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.config.parse import QUOTES, SettingReader
from lib.core.errors import SettingError

_OFF = ("off", "false", "no", "0")
_MAX_VOICES = 50
_VOICE = re.compile(r"[^\s,](?:[^\n\r\t,]{0,98}[^\s,])?")


@dataclass(frozen=True)
class VoiceSettings:
    """Settings of voice: ids of models, "" for the first that the gateway lists, None for a feature that is off.

    `voices` are those to choose from, the default first; () for OpenAI's.
    """

    transcription_model: str | None = ""
    speech_model: str | None = ""
    voices: tuple[str, ...] = ()


def load_voice_settings(reader: SettingReader) -> VoiceSettings:
    """Return the settings of voice. Raises SettingError."""
    voices, voices_name = reader.read_list("ANTLER_SPEECH_VOICES", "voices")
    if len(voices) > _MAX_VOICES or not all(map(_VOICE.fullmatch, voices)):
        raise SettingError(f"{voices_name} must list up to {_MAX_VOICES} names of voices, separated by commas.")
    return VoiceSettings(
        _parse_model(*reader.read("ANTLER_TRANSCRIPTION_MODEL", "transcription_model")),
        _parse_model(*reader.read("ANTLER_SPEECH_MODEL", "speech_model")),
        tuple(dict.fromkeys(voices)),
    )


def _parse_model(value: str, name: str) -> str | None:
    model = value.strip(QUOTES).strip()
    if model.lower() in _OFF:
        return None
    if re.search(r"\s", model) or not model.isprintable():
        raise SettingError(f"{name} must be a model's id, or off.")
    return model
