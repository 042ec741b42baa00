"""Which settings are secret, and how they are struck out of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

REDACTED = "[secret]"
_MIN_SECRET_LENGTH = 4  # signs: to strike less would strike through every line, and hides nothing
_APP_VARIABLE = re.compile(r"(DEERAPI|ANTLER|STREAMLIT|DATABASE)_")
_SECRET_NAME = re.compile(r"key|secret|token|passw|credential", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"\s*[\w.\"'-]+\s*[=:]\s*(.+)")
QUOTES = "\"'`“”‘’"
_INVISIBLE_CHARS = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def find_secrets(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> frozenset[str]:
    """Every secret value of the environment and of the parsed secrets.toml, in each way it may be written.

    A name tells what is secret; of an address, it is the password in it.
    """
    values = {
        value for name, value in environ.items() if _APP_VARIABLE.match(name) and _SECRET_NAME.search(name)
    }
    values |= {value for name, value in _iter_leaves(secrets) if _SECRET_NAME.search(name)}
    addresses = [value for name, value in environ.items() if _APP_VARIABLE.match(name)]
    addresses += [value for _, value in _iter_leaves(secrets)]
    for address in addresses:
        values |= _url_passwords(address)
    return _spelling_variants(values)


def find_values_in_malformed(text: str) -> frozenset[str]:
    """Every value of a secrets.toml that cannot be parsed, secret or not: an error may quote any of them."""
    return _spelling_variants(match[1] for line in text.splitlines() if (match := _ASSIGNMENT.match(line)))


def strip_key(value: str) -> str:
    """A key without the quotes and blanks that come along when one is pasted."""
    value = value.translate(_INVISIBLE_CHARS).strip().strip(QUOTES).strip()
    return value[7:].strip() if value.lower().startswith("bearer ") else value


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without these values."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    return text


def _spelling_variants(values: Iterable[str]) -> frozenset[str]:
    """The values as they are and as they are mended before use, none so short that it says nothing."""
    every = {
        form for value in values for form in (value, value.strip(), value.strip(QUOTES), strip_key(value))
    }
    return frozenset(value for value in every if len(value.strip()) >= _MIN_SECRET_LENGTH)


def _url_passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url.strip().strip(QUOTES)).password or ""
    except ValueError:
        # Not to be parsed, and so to be quoted by whoever tries: the part that holds names and passwords.
        password = url.partition("://")[2].rpartition("@")[0]
    return {password, unquote(password)}


def _iter_leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a parsed file, each with the names that lead to it."""
    for name, value in table.items():
        path = f"{prefix}.{name}"
        if isinstance(value, Mapping):
            yield from _iter_leaves(value, path)
        elif isinstance(value, list | tuple):
            yield from _iter_leaves({str(number): item for number, item in enumerate(value)}, path)
        elif isinstance(value, str | int | float):
            yield path, str(value)
