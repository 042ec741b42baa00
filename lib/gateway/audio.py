"""Audio routes of a gateway: speech from text, and text from recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from lib.config.caller import Caller
from lib.core.conversation import Outcome
from lib.core.errors import AnswerError, InvalidResponse
from lib.core.events import Event, Finish, ProviderMetadata, RetryScheduled, TextDelta, UsageReport
from lib.core.file_content import FileContent
from lib.core.sanitize import get_object, replace_surrogates
from lib.core.voice import Recording, audio_type, speech_usage, transcription_usage
from lib.gateway.attempts import run_attempts, schedule_retry
from lib.gateway.key_redactor import KeyRedactor
from lib.gateway.transport.body import visible_text
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Response, Transport
from lib.gateway.wires import openai
from lib.gateway.wires.errors.responses import (
    error_from_response,
    is_error,
    refusal_from_body,
    request_id,
)

SPEECH_PATH = "/v1/audio/speech"
TRANSCRIPTION_PATH = "/v1/audio/transcriptions"
TRANSLATION_PATH = "/v1/audio/translations"
MAX_SPEECH_BYTES = 32 * 1024 * 1024
MAX_TRANSCRIPT_BYTES = 4 * 1024 * 1024
TRANSCRIPT_TIMEOUT = 60.0  # seconds for the rest of a body that has begun
_MAX_REFUSAL_BYTES = 64 * 1024
_HEAD_LENGTH = 12
_AUDIO_FORMAT = "mp3"  # the default of the route, and playable in every browser while it arrives

SpeechItem = Event | bytes
Item = TypeVar("Item", bound=SpeechItem)


class AudioRoutes:
    """The audio routes of one gateway, for one caller. Methods may be called from any thread.

    They raise an AnswerError, from which the key is redacted, and retry as `Gateway.stream` does: before any content,
    by the class of the error. After `cancel` they end, or raise the same.
    """

    def __init__(
        self, transport: Transport, redactor: KeyRedactor, api_key: str, caller: Caller, max_retries: int
    ) -> None:
        self._transport = transport
        self._redactor = redactor
        self._api_key = api_key
        self._caller = caller
        self._max_retries = max_retries

    def speak(
        self, model: str, text: str, voice: str, cancel: CancelToken, conversation_id: str = ""
    ) -> Iterator[SpeechItem]:
        """Yield the audio of a text of up to MAX_SPEECH_CHARS as it arrives, and the events of the request.

        The first bytes are those of a known audio format, whatever content type the gateway states.
        """
        body: dict[str, Any] = {"model": model, "input": text, "response_format": _AUDIO_FORMAT}
        if voice:
            body["voice"] = voice

        def attempt() -> Iterator[SpeechItem]:
            headers = {**self._headers(conversation_id), "Accept": "audio/*"}
            response = self._transport.post(SPEECH_PATH, headers, body, cancel)
            try:
                yield from _metadata(response)
                usage: SpeechItem | None = UsageReport(speech_usage(model, text))
                for chunk in _read_audio(response):
                    yield chunk
                    if usage:
                        yield usage
                    usage = None
                yield Finish(Outcome.COMPLETE, "")
                response.drain()
            finally:
                response.close()

        return self._run(attempt, cancel)

    def transcribe(
        self,
        model: str,
        recording: Recording,
        language: str,
        cancel: CancelToken,
        conversation_id: str = "",
        *,
        to_english: bool = False,
    ) -> Iterator[Event]:
        """Yield the text of a recording, its usage, and the events of the request.

        `language` is a hint, a code of two letters or "". With `to_english` the text is a translation.
        """
        path = TRANSLATION_PATH if to_english else TRANSCRIPTION_PATH
        file = FileContent("", recording.media_type, len(recording.data), lambda: recording.data)
        hint = _language_field(model, "" if to_english else language)
        fields = {"file": file.base64, "model": model, **hint}

        def attempt() -> Iterator[Event]:
            headers = {**self._headers(conversation_id), "Accept": "application/json"}
            response = self._transport.post_form(path, headers, fields, cancel)
            try:
                yield from _metadata(response)
                body = response.read_text(MAX_TRANSCRIPT_BYTES, TRANSCRIPT_TIMEOUT)
                if cancel.cancelled:
                    return
                text, usage = _parse_transcript(self._redactor.redact(body))
                yield TextDelta(text)
                yield UsageReport(transcription_usage(usage, recording.duration))
                yield Finish(Outcome.COMPLETE, "")
            finally:
                response.close()

        return self._run(attempt, cancel)

    def _headers(self, conversation_id: str) -> dict[str, str]:
        return {**self._caller.build_headers(conversation_id), **openai.headers(self._api_key)}

    def _run(self, attempt: Callable[[], Iterator[Item]], cancel: CancelToken) -> Iterator[Item | Event]:
        def schedule(error: AnswerError, number: int) -> RetryScheduled | None:
            return schedule_retry(error, number, self._max_retries)

        return run_attempts(attempt, schedule, self._redactor, cancel, (bytes, TextDelta))


def _metadata(response: Response) -> Iterator[ProviderMetadata]:
    """Yield the request id. Raises the error of a response with another status than 200."""
    if response.status != 200:
        raise error_from_response(response.status, response.headers, response.read_text())
    if identifier := request_id(response.headers):
        yield ProviderMetadata({"request_id": identifier})


def _read_audio(response: Response) -> Iterator[bytes]:
    chunks, head = response.iter_chunks(), b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_LENGTH:
            break
    if not audio_type(head):
        raise _refusal(head, chunks)
    yield head
    size = len(head)
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_SPEECH_BYTES:
            raise InvalidResponse(f"more than {MAX_SPEECH_BYTES} bytes of audio")
        yield chunk


def _refusal(head: bytes, chunks: Iterator[bytes]) -> AnswerError:
    """Return the error that came with status 200 in place of audio."""
    for chunk in chunks:
        head += chunk
        if len(head) >= _MAX_REFUSAL_BYTES:
            break
    text = head[:_MAX_REFUSAL_BYTES].decode("utf-8-sig", "replace")
    payload = _parse_json(text)
    return refusal_from_body(payload) if isinstance(payload, dict) else InvalidResponse(visible_text(text))


def _parse_transcript(body: str) -> tuple[str, Mapping[str, Any]]:
    """Return the text in a response and its usage; some gateways send the text alone. Raises an AnswerError."""
    payload = _parse_json(body)
    if isinstance(payload, dict):
        text = payload.get("text")
        if is_error(payload) or not isinstance(text, str):
            raise refusal_from_body(payload)
        return replace_surrogates(text).strip(), get_object(payload, "usage")
    if payload is not None or not body.strip() or body.lstrip().startswith(("<", "{", "[")):
        raise InvalidResponse(visible_text(body))
    return replace_surrogates(body).strip(), {}


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _language_field(model: str, language: str) -> dict[str, str]:
    """Return the hint in the field that the model takes: gpt-transcribe takes a list. Source: OpenAI's SDK."""
    if not language:
        return {}
    return {"languages[]" if "gpt-transcribe" in model else "language": language}
