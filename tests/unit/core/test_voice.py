"""Media types of audio by its first bytes."""

import pytest

from lib.core.voice import audio_type


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "audio/webm"),
        (b"\xff\xf1P\x80", "audio/aac"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"<html>", ""),
        (b"", ""),
        (b"\xff", ""),
        (b"\xff\xfe", ""),
        (b"RIFF\0\0\0\0WEBP", ""),
    ],
)
def test_the_media_type_is_that_of_the_first_bytes(data: bytes, media_type: str) -> None:
    assert audio_type(data) == media_type
