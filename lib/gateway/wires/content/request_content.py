"""Content of a message in a request: its texts, and the files that are sent as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lib.core.conversation import FilePart, Message, TextPart
from lib.core.file_content import FileContent

# Contents of the files that are sent as they are, by digest.
FileContents = Mapping[str, FileContent]
NO_CONTENTS: FileContents = MappingProxyType({})


def has_files(message: Message, files: FileContents) -> bool:
    """Return True for a message with a file that is sent as it is."""
    return message.role == "user" and any(part.digest in files for part in message.files)


def build_content(
    message: Message, files: FileContents, build_file: Callable[[FilePart, FileContent], dict[str, Any]]
) -> str | list[dict[str, Any]]:
    """Return the content of a message: its text, or a list of parts where files need it.

    A text alone stays a text, since many servers of either format take nothing else.
    """
    if not has_files(message, files):
        return message.text
    return [
        {"type": "text", "text": item} if isinstance(item, str) else build_file(*item)
        for item in _split(message, files)
    ]


def _split(message: Message, files: FileContents) -> Iterator[str | tuple[FilePart, FileContent]]:
    """Yield texts and files in their order; neighbouring texts are joined, and blank ones left out."""
    text = ""
    for part in message.parts:
        if isinstance(part, TextPart):
            text += part.text
        elif isinstance(part, FilePart) and part.digest in files:
            if text.strip():
                yield text
            text = ""
            yield part, files[part.digest]
    if text.strip():
        yield text
