"""Files in a request of either wire, and a line that says what was received."""

import base64
import binascii
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,")
# Files that Antler sends as text: a tag with the name, the text, the same tag.
_TEXT_FILE = re.compile(r'<(file-[0-9a-f]+) name="([^"]*)"[^>]*>\n(.*?)\n</\1>\s*', re.DOTALL)
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
FILE_TYPES = frozenset(("image_url", "file", "input_audio", "image", "document"))


@dataclass(frozen=True)
class ReceivedFile:
    """A file of a question: its name and type as far as they are known, its size in bytes, and pixels of an image."""

    name: str = ""
    media_type: str = ""
    size: int | None = None
    pixels: tuple[int, int] | None = None

    def describe(self, number: int) -> str:
        """Return name, type and sizes in one line; `number` stands for a missing name."""
        facts = [
            self.media_type,
            f"{self.size:,} bytes" if self.size is not None else "",
            f"{self.pixels[0]} × {self.pixels[1]} pixels" if self.pixels else "",
        ]
        return f"{self.name or number} ({', '.join(filter(None, facts))})"


def parse_file(part: Mapping[str, Any]) -> ReceivedFile:
    """Return the file of a content part."""
    match part["type"]:
        case "image_url":
            return _from_data_url("", part["image_url"]["url"])
        case "file":
            return _from_data_url(part["file"].get("filename", ""), part["file"].get("file_data", ""))
        case "input_audio":
            audio = part["input_audio"]
            return _from_base64("", _AUDIO_TYPES.get(audio["format"], ""), audio["data"])
    source = part["source"]
    title = part.get("title") or ""
    if source["type"] == "base64":
        return _from_base64(title, source["media_type"], source["data"])
    return ReceivedFile(title)


def split_text_files(text: str) -> tuple[str, list[ReceivedFile]]:
    """Return a question without the files that are sent as text, and those files."""
    found = [
        ReceivedFile(unescape(name), "text", len(content.encode("utf-8", "replace")))
        for _, name, content in _TEXT_FILE.findall(text)
    ]
    return _TEXT_FILE.sub("", text), found


def describe_files(files: tuple[ReceivedFile, ...]) -> Iterator[str]:
    """Yield a line for each file."""
    for number, file in enumerate(files, 1):
        yield file.describe(number)


def _from_data_url(name: str, url: str) -> ReceivedFile:
    match = _DATA_URL.match(url)
    return _from_base64(name, match[1], url[match.end() :]) if match else ReceivedFile(name)


def _from_base64(name: str, media_type: str, encoded: str) -> ReceivedFile:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return ReceivedFile(name, media_type)
    is_image = media_type.startswith("image/")
    # Imported with the first image, since it takes Pillow with it.
    pixels = importlib.import_module("lib.demo.drawing").read_size(data) if is_image else None
    return ReceivedFile(name, media_type, len(data), pixels)
