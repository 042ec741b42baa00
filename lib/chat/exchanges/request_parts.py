"""Parts of a recorded request: its headers, its fields, and the files of its owner in place of their marks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.chat.turns.ports import AttachmentStore
from lib.core.exchanges import HIDDEN_HEADER, Attempt, SentFile

FileContents = Mapping[str, bytes]  # by digest
# Headers that a client computes, or that hold for one connection only (RFC 9110, section 7.6.1).
_COMPUTED_HEADERS = frozenset(
    {
        *("host", "content-length", "connection", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade"),
        *("proxy-connection", "proxy-authorization", "expect", "cookie"),
    }
)
# Fields of a form for images that are no texts in JSON.
_TYPED_FIELDS = frozenset({"n", "stream", "partial_images", "output_compression"})
MAX_LAYOUT_CHARS = 2_000_000  # of the white space before lines
_INDENT, _MAX_DEPTH = "  ", 200
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class FormPart:
    """A part of a form: a text, or a file with a name; `data` is None for a file that is not stored any more."""

    name: str
    text: str = ""
    file: SentFile | None = None
    file_name: str = ""
    data: bytes | None = None


def load_files(store: AttachmentStore, owner: str, attempt: Attempt) -> dict[str, bytes]:
    """Return the files of a request that are still stored for the owner. Raises StoreError."""
    digests = list(dict.fromkeys(file.digest for file in attempt.files))
    return store.contents(owner, digests) if digests else {}


def missing_files(attempt: Attempt, contents: FileContents) -> list[SentFile]:
    """Return the files of a request that are not among the contents."""
    return [file for file in attempt.files if file.digest not in contents]


def has_web_address(attempt: Attempt) -> bool:
    """Return True for an address that a program cannot take for an option or a file: a bug report can have any."""
    return attempt.url.lower().startswith(("http://", "https://"))


def list_headers(attempt: Attempt) -> list[tuple[str, str]]:
    """Return the headers that a client has to set, without those that it computes and those that are hidden.

    Their values are single lines.
    """
    computed = _COMPUTED_HEADERS | ({"content-type"} if attempt.is_form else set())
    return [
        (name, _UNPRINTABLE.sub(" ", value))
        for name, value in attempt.headers.items()
        if _HEADER_NAME.fullmatch(name) and name.lower() not in computed and value != HIDDEN_HEADER
    ]


def restore_body(attempt: Attempt, contents: FileContents) -> str:
    """Return the JSON text as it was sent, with the base64 of the files, and a description of those without content."""
    text = attempt.body
    for file in attempt.files:
        if file.mark:
            data = contents.get(file.digest)
            encoded = describe_file(file) if data is None else base64.b64encode(data).decode()
            text = text.replace(file.mark, json.dumps(file.prefix + encoded, ensure_ascii=False)[1:-1])
    return text


def describe_file(file: SentFile) -> str:
    """Return what stands for the base64 of a file whose content is left out."""
    return f"<base64 of {file.size} bytes, {file.media_type}>"


def parse_fields(text: str) -> dict[str, Any] | None:
    """Return the fields of a JSON object; None for any other text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def iter_texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value of JSON, however deeply it is nested."""
    values = [value]
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            values += value.values() if isinstance(value, dict) else value


def depth_of(value: Any) -> int:
    """Return the depth of a value of JSON, however deeply it is nested."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = _next_level(level)
    return depth


def _next_level(values: list[Any]) -> list[Any]:
    """Return the values in the objects and lists among `values`."""
    inner = [each for each in values if isinstance(each, dict | list)]
    return [item for each in inner for item in (each.values() if isinstance(each, dict) else each)]


def layout_json(value: Any) -> str | None:
    """Return a value of JSON with an indentation; None where that would take more than MAX_LAYOUT_CHARS.

    A short text can be nested so deeply that most of its layout is white space.
    """
    level, depth, size = [value], 0, 0
    while level:
        size += len(level) * len(_INDENT) * depth
        if size > MAX_LAYOUT_CHARS or depth > _MAX_DEPTH:
            return None
        level = _next_level(level)
        depth += 1
    return json.dumps(value, ensure_ascii=False, indent=_INDENT)


def load_body(attempt: Attempt) -> dict[str, Any] | None:
    """Return the fields of a recorded body; None for another text. A form has texts for numbers and switches."""
    fields = parse_fields(attempt.body)
    if fields is None or not attempt.is_form:
        return fields
    return {name: _to_json(value) if name in _TYPED_FIELDS else value for name, value in fields.items()}


def _to_json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def list_form_parts(attempt: Attempt, contents: FileContents) -> list[FormPart]:
    """Return the parts of a form in their order. A list of files has its name with brackets, as it was sent."""
    files = {file.mark: file for file in attempt.files}
    parts: list[FormPart] = []
    for name, value in (parse_fields(attempt.body) or {}).items():
        items = value if isinstance(value, list) else [value]
        if items and all(isinstance(item, str) and item in files for item in items):
            is_list = isinstance(value, list)
            for number, mark in enumerate(items, 1):
                file, digits = files[mark], str(number) if is_list else ""
                file_name = f"{name}{digits}.{file.media_type.rpartition('/')[2]}"
                data = contents.get(file.digest)
                parts.append(FormPart(f"{name}[]" if is_list else name, "", file, file_name, data))
        elif value is not None:
            parts.append(FormPart(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return parts
