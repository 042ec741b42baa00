"""Text of attached audio, for models that take no audio."""

from __future__ import annotations

import logging
from dataclasses import replace

from lib.chat.attachments import takes_audio
from lib.chat.voice.transcription import transcribe
from lib.core import tokens
from lib.core.attachments import Attachment
from lib.core.errors import AntlerError
from lib.core.voice import Recording
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.widgets.errors import flash_warning, voice_error_message

log = logging.getLogger(__name__)


def with_transcript(attachment: Attachment) -> Attachment:
    """Return attached audio with its transcript as the text, where the selected model cannot be sent the audio itself.

    Without a model for transcription, and after an error, which is shown, it has no text.
    """
    if attachment.kind != "audio" or attachment.text or not _needs_transcript(attachment.media_type):
        return attachment
    recording = Recording(attachment.data, attachment.media_type, attachment.duration)
    try:
        text = transcribe(services.voice_services(), recording)
    except AntlerError as error:
        log.info("no transcript: %s", error.code)
        flash_warning(voice_error_message(error))
        return attachment
    return replace(attachment, text=text, text_tokens=tokens.estimate(text))


def _needs_transcript(media_type: str) -> bool:
    """Return True if there is a model for transcription, and the selected one does not take the audio."""
    if not services.voice_models().transcription:
        return False
    target = session_state.selected_target
    return target is None or not takes_audio(target, services.model(target.model).capabilities, media_type)
