"""A recorded request as Python code with the library `requests`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lib.chat.exchanges.python_literal import format_items, format_text, format_value
from lib.chat.exchanges.request_parts import (
    FileContents,
    FormPart,
    describe_file,
    has_web_address,
    list_form_parts,
    list_headers,
    parse_fields,
    restore_body,
)
from lib.core.exchanges import KEY_PLACEHOLDER, Attempt

# Seconds to connect, and between two pieces of the response.
_TIMEOUT = "(10, 300)"


def requests_code(attempt: Attempt, contents: FileContents) -> str:
    """Return a program that sends the request once more, with the key in the variable API_KEY.

    Its body has the same bytes; the boundary of a form is another one. `contents` are the files of the request. "" for
    an address that is none of the web.
    """
    if not has_web_address(attempt):
        return ""
    headers = [f"{format_text(name)}: {key_expression(value)}" for name, value in list_headers(attempt)]
    files = FileVariables(attempt, contents)
    if attempt.is_form:
        parts = [_form_part(part, files) for part in list_form_parts(attempt, contents)]
        setup, argument = f"files = {format_items('[', parts, ']')}", "files=files"
    else:
        setup, argument = _json_body(attempt, contents, files)
    modules = ["base64"] * ("base64." in setup) + ["json"] * ("json." in argument)
    if any(KEY_PLACEHOLDER in value for _, value in list_headers(attempt)):
        modules.append("os")
    arguments = [format_text(attempt.method), format_text(attempt.url), "headers=headers", argument]
    arguments += ["stream=True", "allow_redirects=False", f"timeout={_TIMEOUT}"]
    call = format_items("requests.request(", [each for each in arguments if each], ")")
    lines = [
        *(f"import {name}" for name in modules),
        *([""] if modules else []),
        "import requests",
        "",
        *files.definitions(setup),
        f"headers = {format_items('{', headers, '}')}",
        *([setup] if setup else []),
        f"with {call} as response:",
        "    print(response.status_code, dict(response.headers))",
        "    for line in response.iter_lines(chunk_size=1):",
        '        print(line.decode("utf-8", "replace"))',
    ]
    return "\n".join(lines) + "\n"


class FileVariables:
    """Variables for the files of a request, whose base64 would make the rest unreadable."""

    def __init__(self, attempt: Attempt, contents: FileContents) -> None:
        self._contents = contents
        self._names: dict[str, str] = {}  # by digest
        self.expressions: dict[str, str] = {}  # by mark
        for file in attempt.files:
            if file.digest in contents:
                name = self._names.setdefault(file.digest, f"file_{len(self._names) + 1}")
                self.expressions[file.mark] = f"{format_text(file.prefix)} + {name}" if file.prefix else name
            else:
                self.expressions[file.mark] = format_text(file.prefix + describe_file(file))

    def data_of(self, part: FormPart) -> str:
        """Return the expression of the bytes of a part; a file without content is read from the current folder."""
        if part.file and (name := self._names.get(part.file.digest)):
            return f"base64.b64decode({name})"
        return f'open({format_text(part.file_name)}, "rb")'

    def definitions(self, code: str) -> Iterable[str]:
        """Return the lines that define the variables of `code`."""
        for digest, name in self._names.items():
            if name in code:
                yield f'{name} = "{base64.b64encode(self._contents[digest]).decode()}"'


def key_expression(value: str) -> str:
    """Return the expression of a header's value, with the key from the environment."""
    pieces = value.split(KEY_PLACEHOLDER)
    texts = [format_text(piece) if piece else "" for piece in pieces]
    key = 'os.environ["API_KEY"]'
    terms = [term for text in texts for term in (text, key)][:-1]
    return " + ".join(filter(None, terms)) or '""'


def load_fields(attempt: Attempt) -> Mapping[str, Any] | None:
    """Return the fields of a body that `json.dumps` writes with the same bytes; None for any other body."""
    fields = parse_fields(attempt.body)
    try:
        is_same = fields is not None and json.dumps(fields, ensure_ascii=False) == attempt.body
    except (ValueError, RecursionError):
        return None
    return fields if is_same else None


def _json_body(attempt: Attempt, contents: FileContents, files: FileVariables) -> tuple[str, str]:
    """Return the line that sets the body, and the argument that sends it."""
    if not attempt.body:
        return "", ""
    fields = load_fields(attempt)
    if fields is not None:
        try:
            literal = format_value(fields, files.expressions)
            return f"body = {literal}", "data=json.dumps(body, ensure_ascii=False).encode()"
        except ValueError:
            pass
    return f"body = {format_text(restore_body(attempt, contents))}", "data=body.encode()"


def _form_part(part: FormPart, files: FileVariables) -> str:
    """Return a part as `requests` takes it; one without a file name is a text."""
    if part.file is None:
        return f"({format_text(part.name)}, (None, {format_text(part.text)}))"
    values = [format_text(part.file_name), files.data_of(part), format_text(part.file.media_type)]
    return f"({format_text(part.name)}, ({', '.join(values)}))"
