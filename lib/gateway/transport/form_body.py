"""Multipart form of a request whose files are read one after the other while it is sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from lib.core.exchanges import SentFile
from lib.core.file_content import Base64Text, FileContent, FileUnavailable
from lib.gateway.transport.json_body import describe_file, number_mark

# Of one write. A time limit holds for each, so that a long body on a slow connection takes the time that it needs.
_MAX_WRITE_BYTES = 65_536


class FormBody:
    """The bytes of a form in multipart/form-data, which can be iterated more than once.

    `fields` are those of a JSON object: a Base64Text is a file, and a list of them several files under the name with
    brackets, as OpenAI's SDK sends them. Only one file is in memory at a time. Iterating raises FileUnavailable.
    """

    is_form = True

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._boundary = secrets.token_hex(16)
        self._fields = fields
        self._parts = [part for name, value in fields.items() for part in self._build_parts(name, value)]
        self._end = f"--{self._boundary}--\r\n".encode()
        self._length = len(self._end) + sum(
            len(head) + 2 + (content.size if isinstance(content, FileContent) else len(content))
            for head, content in self._parts
        )

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for head, content in self._parts:
            yield head
            data = content.load() if isinstance(content, FileContent) else content
            if isinstance(content, FileContent) and len(data) != content.size:
                raise FileUnavailable
            for start in range(0, len(data), _MAX_WRITE_BYTES):
                yield data[start : start + _MAX_WRITE_BYTES]
            yield b"\r\n"
        yield self._end

    @property
    def text_size(self) -> int:
        """Length in bytes without the files."""
        return self._length - sum(content.size for _, content in self._parts if isinstance(content, FileContent))

    def describe(self) -> tuple[str, tuple[SentFile, ...]]:
        """Return the fields as JSON, with a mark in place of each file, and the files.

        A list of files has its name without the brackets, as in the body that the form is built of.
        """
        files: list[SentFile] = []

        def mark(text: Base64Text) -> str:
            files.append(replace(describe_file(text, number_mark(self._boundary, len(files))), prefix=""))
            return files[-1].mark

        fields: dict[str, Any] = {}
        for name, value in self._fields.items():
            if _is_file_list(value):
                fields[name] = [mark(item) for item in value]
            elif value is not None:
                fields[name] = mark(value) if isinstance(value, Base64Text) else _field_text(value)
        return json.dumps(fields, ensure_ascii=False), tuple(files)

    def _build_parts(self, name: str, value: Any) -> Iterator[tuple[bytes, bytes | FileContent]]:
        """Yield the head and the content of each part of a field."""
        if _is_file_list(value):
            for number, item in enumerate(value, 1):
                yield self._head(f"{name}[]", item.content, str(number)), item.content
        elif isinstance(value, Base64Text):
            yield self._head(name, value.content), value.content
        elif value is not None:
            yield self._head(name), _field_text(value).encode()

    def _head(self, name: str, content: FileContent | None = None, number: str = "") -> bytes:
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{_escape(name)}"'
        if content:
            extension = content.media_type.rpartition("/")[2]
            file_name = f"{name.removesuffix('[]')}{number}.{extension}"
            head += f'; filename="{_escape(file_name)}"\r\nContent-Type: {content.media_type}'
        return f"{head}\r\n\r\n".encode()


def _is_file_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Base64Text) for item in value)


def _field_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _escape(name: str) -> str:
    """Escape a name as browsers do (HTML standard, "Multipart form data"); Extra JSON can have any name."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
