"""Models for speech and for transcription in a gateway's list, which are no targets of a chat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from lib.core.sanitize import get_list, get_object

AudioTask = Literal["speech", "transcription"]

# Names of models that do nothing else: OpenAI's, and those of other vendors on the same routes.
_SPEECH_NAME = re.compile(
    r"(?:^|[-_/.])tts(?:$|[-_/.:\d])|(?:^|/)speech-\d|cosyvoice|text-to-speech|(?:^|/)(?:kokoro|orpheus|playai-tts)",
    re.IGNORECASE,
)
_TRANSCRIPTION_NAME = re.compile(
    r"whisper|transcribe|(?:^|/)scribe(?:_|-)v|sensevoice|telespeech|paraformer|voxtral-mini-transcribe|(?:^|[-_/])asr(?:$|[-_/])",
    re.IGNORECASE,
)
# Speak over a connection of their own, design voices, or return speakers in place of a text.
_OTHER_NAME = re.compile(r"realtime|live|voice-?(?:design|clone)|streaming", re.IGNORECASE)
_SPEECH_FORMAT = re.compile(r"speech|tts", re.IGNORECASE)
_TRANSCRIPTION_FORMAT = re.compile(r"transcri|speech.?to.?text|stt", re.IGNORECASE)
_SPEAKERS = re.compile(r"diari[sz]e", re.IGNORECASE)


def audio_task(entry: Mapping[str, Any]) -> AudioTask | None:
    """Return the only task of a model by its entry in a list: its endpoint types, its modalities, its name.

    None for a model that chats, or that the list does not tell.
    """
    types = [str(name) for name in get_list(entry, "supported_endpoint_types")]
    if any(map(_TRANSCRIPTION_FORMAT.search, types)):
        return "transcription"
    if any(map(_SPEECH_FORMAT.search, types)):
        return "speech"
    architecture = get_object(entry, "architecture")
    inputs, outputs = get_list(architecture, "input_modalities"), get_list(architecture, "output_modalities")
    if inputs and outputs:
        return _task_by_modalities(inputs, outputs)
    name = str(entry.get("id", ""))
    if _OTHER_NAME.search(name):
        return None
    if _TRANSCRIPTION_NAME.search(name):
        return "transcription"
    return "speech" if _SPEECH_NAME.search(name) else None


def select_default(models: tuple[str, ...]) -> str:
    """Return the first model, a plain one before one that tells speakers apart; "" without any."""
    return min(models, key=lambda model: bool(_SPEAKERS.search(model)), default="")


def _task_by_modalities(inputs: list[Any], outputs: list[Any]) -> AudioTask | None:
    if "text" in inputs and outputs == ["audio"]:
        return "speech"
    return "transcription" if inputs == ["audio"] and outputs == ["text"] else None
