"""Transcription of recordings: at once, or on a thread that a page follows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from lib.chat.attachments.job import AttachmentJob
from lib.chat.voice.requests import AudioRequest, VoiceServices, send_request
from lib.core import tokens
from lib.core.attachments import Attachment
from lib.core.errors import AntlerError, UnexpectedError
from lib.core.events import Event, TextDelta
from lib.core.voice import MAX_RECORDING_BYTES, MAX_RECORDING_SECONDS, Recording, recording_usage
from lib.core.voice_errors import NoSpeech, RecordingTooLong
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)


def transcribe(
    services: VoiceServices,
    recording: Recording,
    language: str = "",
    cancel: CancelToken | None = None,
    *,
    to_english: bool = False,
    conversation_id: str | None = None,
) -> str:
    """Return the text of a recording, in its own language or translated; "" after a cancel.

    `language` is a hint, a code of two letters. Raises RecordingTooLong, NoSpeech, LimitExceededError, PriceUnknown,
    StoreError, and an AnswerError.
    """
    check_recording(recording)
    cancel = cancel or CancelToken()
    model = services.models.transcription
    usage = recording_usage(MAX_RECORDING_SECONDS if recording.duration is None else recording.duration)
    request = AudioRequest("transcription", model, usage, conversation_id)

    def send() -> Iterator[Event]:
        return services.audio.transcribe(
            model, recording, language, cancel, conversation_id or "", to_english=to_english
        )

    events = send_request(services, request, send, cancel)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    if not text and not cancel.cancelled:
        raise NoSpeech
    return text


def check_recording(recording: Recording) -> None:
    """Raise RecordingTooLong for more than a gateway takes, and NoSpeech for nothing."""
    if len(recording.data) > MAX_RECORDING_BYTES:
        raise RecordingTooLong
    if not recording.data or recording.duration == 0:
        raise NoSpeech


def start_transcript(services: VoiceServices, attachment: Attachment) -> AttachmentJob:
    """Start to transcribe attached audio, which gets the text; after an error it has none."""
    recording = Recording(attachment.data, attachment.media_type, attachment.duration)

    def make(cancel: CancelToken) -> Attachment:
        text = transcribe(services, recording, cancel=cancel)
        return replace(attachment, text=text, text_tokens=tokens.estimate(text))

    return AttachmentJob("transcript", make, attachment)


class TranscriptionJob:
    """A transcription on a thread of its own. All methods are thread-safe.

    `text` is set in the state "done", and `error` in the state "failed".
    """

    def __init__(
        self,
        services: VoiceServices,
        recording: Recording,
        language: str = "",
        *,
        to_english: bool = False,
        conversation_id: str | None = None,
    ) -> None:
        self.recording = recording
        self.state: Literal["running", "failed", "cancelled", "done"] = "running"
        self.text = ""
        self.error: AntlerError | None = None
        self._cancel = CancelToken()
        self._thread = threading.Thread(
            target=self._run,
            args=(services, language, to_english, conversation_id),
            name="transcription",
            daemon=True,
        )
        self._thread.start()

    def cancel(self) -> None:
        """Stop the request upstream; a finished job stays as it is."""
        self._cancel.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; returns True once it is reached."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self, services: VoiceServices, language: str, to_english: bool, conversation_id: str | None) -> None:
        try:
            self.text = transcribe(
                services,
                self.recording,
                language,
                self._cancel,
                to_english=to_english,
                conversation_id=conversation_id,
            )
        except AntlerError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  whatever it is, the page gets an end
            log.warning("a transcription failed: %s", type(error).__name__)
            self.error = UnexpectedError()
        finally:
            self.state = "cancelled" if self._cancel.cancelled else "failed" if self.error else "done"
