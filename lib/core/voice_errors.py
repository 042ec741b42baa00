"""Errors of voice, each below AntlerError; the text of a code is `error.<code>`."""

from __future__ import annotations

from lib.core.errors import AntlerError


class RecordingTooLong(AntlerError):
    """A recording is longer, or has more bytes, than gateways take."""

    code = "recording_too_long"


class RecordingUnreadable(AntlerError):
    """A recording is no audio that can be read."""

    code = "recording_unreadable"


class NoSpeech(AntlerError):
    """A recording without any words in it."""

    code = "no_speech"


class NothingToRead(AntlerError):
    """An answer has no text that can be spoken, such as one of code alone."""

    code = "nothing_to_read"
