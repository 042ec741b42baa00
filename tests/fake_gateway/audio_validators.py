"""Validators of the routes for speech, transcriptions and translations, after OpenAI's API description."""

from __future__ import annotations

from lib.demo.audio import MAX_INPUT_CHARS, SPEECH, TRANSLATIONS
from lib.demo.wire import parse_form
from tests.fake_gateway.validators import number, object_of, one_of, parse_json, reject, string

_MAX_FILE_BYTES = 25_000_000
_SPEECH = object_of(
    {
        "model": string(1),
        "input": string(1, MAX_INPUT_CHARS),
        "voice": string(1),
        "instructions": string(),
        "response_format": one_of("mp3", "opus", "aac", "flac", "wav", "pcm"),
        "speed": number(0.25, 4.0),
        "stream_format": one_of("sse", "audio"),
    },
    "model",
    "input",
    "voice",
)
_COMMON_FIELDS = {"model": string(1), "prompt": string(), "response_format": string(), "temperature": string()}
_TRANSLATION = object_of(_COMMON_FIELDS, "model")
_TRANSCRIPTION = object_of({**_COMMON_FIELDS, "language": string(2, 3), "languages[]": string(2, 3)}, "model")


def validate(body: bytes, path: str, content_type: str) -> None:
    """Raise ErrorResponse (400) for a request that OpenAI would refuse."""
    if path == SPEECH:
        if not content_type.startswith("application/json"):
            reject("The body", "must be JSON.")
        _SPEECH(parse_json(body), "")
        return
    if not content_type.startswith("multipart/form-data; boundary="):
        reject("The body", "must be a form.")
    texts, files = parse_form(body, content_type)
    if files.keys() != {"file"} or len(files["file"]) != 1:
        reject("file", "is required, once.")
    if not 0 < len(files["file"][0]) <= _MAX_FILE_BYTES:
        reject("file", f"must have at most {_MAX_FILE_BYTES} bytes, and not be empty.")
    (_TRANSLATION if path == TRANSLATIONS else _TRANSCRIPTION)(texts, "")
