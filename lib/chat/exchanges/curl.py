"""A recorded request as a command of a POSIX shell with curl."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from lib.chat.exchanges.request_parts import (
    FileContents,
    FormPart,
    has_web_address,
    list_form_parts,
    list_headers,
    restore_body,
)
from lib.core.exchanges import KEY_PLACEHOLDER, Attempt

# Of one argument: Linux allows 128 KiB.
_MAX_ARGUMENT_BYTES = 100_000
# Above this size of a body, curl asks for permission first, which some servers never give.
_EXPECT_BYTES = 1_000_000
_BASE64_LINE = 76
_CONTINUED = " \\\n  "
# What means the same in double quotes, where the shell puts in the key.
_PLAIN = re.compile(r"[\w :;,./()=@+-]*", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)


def curl_command(attempt: Attempt, contents: FileContents) -> str:
    """Return a command that sends the request once more, with the key in the variable API_KEY.

    Its body has the same bytes; the boundary of a form is another one. `contents` are the files of the request. "" for
    an address that is none of the web.
    """
    if not has_web_address(attempt):
        return ""
    arguments = [_command(attempt), *(f"-H {_quote_header(name, value)}" for name, value in list_headers(attempt))]
    if attempt.is_form:
        return _form_command(arguments, list_form_parts(attempt, contents))
    body = restore_body(attempt, contents)
    size = len(body.encode("utf-8", "replace"))
    if not body:
        return _CONTINUED.join(arguments)
    if size > _EXPECT_BYTES:
        arguments.append("-H 'Expect:'")
    if size <= _MAX_ARGUMENT_BYTES:
        return _CONTINUED.join([*arguments, f"--data-raw {_quote(body)}"])
    # `printf` belongs to the shell, so that no limit on arguments applies to it.
    return f"printf %s {_quote(body)} | {_CONTINUED.join([*arguments, '--data-binary @-'])}"


def _command(attempt: Attempt) -> str:
    has_body = bool(attempt.body or attempt.is_form)
    method = "" if attempt.method == ("POST" if has_body else "GET") else f" -X {_quote(attempt.method)}"
    # curl does not buffer the stream, and reads no brackets in the address as a list of addresses.
    literal = " -g" if re.search(r"[\[\]{}]", attempt.url) else ""
    return f"curl -N{literal}{method} {_quote(attempt.url)}"


def _form_command(arguments: list[str], parts: Sequence[FormPart]) -> str:
    """Return the command of a form, after those that write its files to a new folder.

    A file without content is expected in the current folder.
    """
    writes: list[str] = []
    for part in parts:
        if part.file is None:
            # The value of this option is literal, also one that begins with @ or <.
            arguments.append(f"--form-string {_quote(f'{part.name}={part.text}')}")
            continue
        path = _quote(part.file_name)
        if part.data is not None:
            path = f'"$FILES"/{len(writes) + 1}'
            writes.append(f"base64 -d > {path} <<'END'\n{_wrap_base64(part.data)}\nEND")
        arguments.append(f"-F {_quote(f'{part.name}=@')}{path}{_quote(_file_options(part))}")
    folder = ["FILES=$(mktemp -d)"] if writes else []
    return "\n".join([*folder, *writes, _CONTINUED.join(arguments)])


def _file_options(part: FormPart) -> str:
    file_name = part.file_name.replace("\\", "\\\\").replace('"', '\\"')
    media_type = part.file.media_type if part.file and _MEDIA_TYPE.fullmatch(part.file.media_type) else ""
    return (f";type={media_type}" if media_type else "") + f';filename="{file_name}"'


def _quote_header(name: str, value: str) -> str:
    if not value:
        return _quote(f"{name};")  # curl's notation for a header without a value
    pieces = f"{name}: {value}".split(KEY_PLACEHOLDER)
    if len(pieces) == 1:
        return _quote(pieces[0])
    if all(_PLAIN.fullmatch(piece) for piece in pieces):
        return f'"{KEY_PLACEHOLDER.join(pieces)}"'
    return f'"{KEY_PLACEHOLDER}"'.join(map(_quote, pieces))


def _quote(text: str) -> str:
    """Quote a text for a shell; NUL cannot stand in an argument."""
    return "'" + text.replace("\0", "").replace("'", "'\\''") + "'"


def _wrap_base64(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n".join(text[start : start + _BASE64_LINE] for start in range(0, len(text), _BASE64_LINE))
