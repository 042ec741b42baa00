"""Models for speech and transcription in model lists, which no chat is offered."""

import json

import pytest

from lib.gateway.catalog.audio_models import audio_task, select_default
from lib.gateway.catalog.models import parse_model_page

SPEECH = [
    "tts-1",
    "tts-1-hd-1106",
    "gpt-4o-mini-tts",
    "openai/tts-1",
    "speech-2.5-hd",
    "cosyvoice-v2",
    "qwen3-tts-flash",
]
TRANSCRIPTION = ["whisper-1", "gpt-4o-transcribe", "gpt-transcribe", "openai/whisper-large-v3", "qwen3-asr-flash"]
NEITHER = [
    "gpt-4o",
    "gpt-4o-audio-preview",
    "claude-opus-4",
    "gpt-realtime-whisper",
    "qwen-tts-realtime",
    "attsim",
    "scout",
]


@pytest.mark.parametrize("name", SPEECH)
def test_speech_models_are_known_by_name(name):
    assert audio_task({"id": name}) == "speech"


@pytest.mark.parametrize("name", TRANSCRIPTION)
def test_transcription_models_are_known_by_name(name):
    assert audio_task({"id": name}) == "transcription"


@pytest.mark.parametrize("name", NEITHER)
def test_other_models_are_neither(name):
    assert audio_task({"id": name}) is None


@pytest.mark.parametrize(
    ("entry", "task"),
    [
        ({"supported_endpoint_types": ["audio-speech"]}, "speech"),
        ({"supported_endpoint_types": ["openai-tts"]}, "speech"),
        ({"supported_endpoint_types": ["audio-transcription"]}, "transcription"),
        ({"supported_endpoint_types": ["openai"]}, None),
        ({"architecture": {"input_modalities": ["text"], "output_modalities": ["audio"]}}, "speech"),
        ({"architecture": {"input_modalities": ["audio"], "output_modalities": ["text"]}}, "transcription"),
        ({"architecture": {"input_modalities": ["text", "audio"], "output_modalities": ["text"]}}, None),
        ({"supported_endpoint_types": 1, "architecture": [], "id": 5}, None),
    ],
)
def test_what_the_list_states_comes_before_the_name(entry, task):
    assert audio_task({"id": "some-model", **entry}) == task


def test_the_list_has_them_apart_from_the_models_of_chats():
    data = [{"id": name} for name in ("gpt-5", "tts-1", "gpt-4o-transcribe-diarize", "whisper-1")]
    models, _ = parse_model_page(json.dumps({"data": data}))
    assert [model.id for model in models.models] == ["gpt-5"]
    assert models.speech_models == ("tts-1",)
    assert models.transcription_models == ("gpt-4o-transcribe-diarize", "whisper-1")
    assert select_default(models.transcription_models) == "whisper-1"
    assert select_default(()) == ""
