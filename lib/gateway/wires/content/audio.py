"""Audio of an answer: its length, and the transcript; the sound itself is not kept."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from lib.core.conversation import OtherPart
from lib.core.images import format_size
from lib.gateway.wires.frames import check_text

# OpenAI streams 16-bit mono samples at 24 kHz, and no other format ("pcm16").
_PCM_BYTES_PER_SECOND = 48_000
_WAV_BYTE_RATE = slice(28, 32)
_COMPRESSED = (b"ID3", b"OggS", b"fLaC", b"\xff\xf1", b"\xff\xf9", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


class AudioAnswer:
    """The audio of one alternative so far."""

    def __init__(self) -> None:
        self._size = 0
        self._start = ""  # base64 of the first bytes
        self._is_pcm = False

    def add(self, audio: dict[str, Any], *, is_streamed: bool) -> str:
        """Count the data and return the transcript of this piece. Raises DamagedValue for other types."""
        data = check_text(audio.get("data"))
        self._size += len(data) * 3 // 4 - data[-2:].count("=")
        self._start = self._start or data[:64]
        self._is_pcm = is_streamed
        return check_text(audio.get("transcript"))

    def to_part(self) -> OtherPart:
        """Return the part that names the audio, with its length where the format tells it, else its size."""
        if seconds := self._seconds():
            return OtherPart("audio", f"{max(1, round(seconds))} s")
        return OtherPart("audio", format_size(self._size) if self._size else "")

    def _seconds(self) -> float:
        try:
            head = base64.b64decode(self._start + "=" * (-len(self._start) % 4))
        except (binascii.Error, ValueError):
            return 0
        if head.startswith(b"RIFF"):
            rate = int.from_bytes(head[_WAV_BYTE_RATE], "little")
            return (self._size - 44) / rate if rate else 0
        is_pcm = self._is_pcm and not head.startswith(_COMPRESSED)
        return self._size / _PCM_BYTES_PER_SECOND if is_pcm else 0
