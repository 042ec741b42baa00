"""Secret values of the configuration, and their redaction from text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from lib.config.parse import QUOTES, strip_key

REDACTED = "[secret]"
_MIN_REDACTED_LENGTH = 4  # characters: a shorter value would redact parts of every line
_APP_VARIABLE = re.compile(r"(DEERAPI|ANTLER|STREAMLIT|DATABASE)_")
_SECRET_NAME = re.compile(r"key|secret|token|passw|credential", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"\s*[\w.\"'-]+\s*[=:]\s*(.+)")


def find_secrets(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> frozenset[str]:
    """Return the secrets of the environment and of the parsed secrets.toml, in all spellings.

    Secrets are the values of settings with a secret-like name, and passwords in URLs.
    """
    values = {value for name, value in environ.items() if _APP_VARIABLE.match(name) and _SECRET_NAME.search(name)}
    values |= {value for name, value in _iter_leaves(secrets) if _SECRET_NAME.search(name)}
    addresses = [value for name, value in environ.items() if _APP_VARIABLE.match(name)]
    addresses += [value for _, value in _iter_leaves(secrets)]
    for address in addresses:
        values |= _url_passwords(address)
    return _spelling_variants(values)


def find_values_in_malformed(text: str) -> frozenset[str]:
    """Return all values of a malformed secrets.toml: an error message may quote any line."""
    return _spelling_variants(match[1] for line in text.splitlines() if (match := _ASSIGNMENT.match(line)))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace the secrets in a text."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    return text


def _spelling_variants(values: Iterable[str]) -> frozenset[str]:
    """Return the values as written and as normalised before use, without very short ones."""
    variants = {text for value in values for text in (value, value.strip(), value.strip(QUOTES), strip_key(value))}
    return frozenset(value for value in variants if len(value.strip()) >= _MIN_REDACTED_LENGTH)


def _url_passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url.strip().strip(QUOTES)).password or ""
    except ValueError:
        # A parser may quote what it cannot read: take the whole part with user and password.
        password = url.partition("://")[2].rpartition("@")[0]
    return {password, unquote(password)}


def _iter_leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and text of each value in a parsed file."""
    for name, value in table.items():
        path = f"{prefix}.{name}"
        if isinstance(value, Mapping):
            yield from _iter_leaves(value, path)
        elif isinstance(value, list | tuple):
            yield from _iter_leaves({str(number): item for number, item in enumerate(value)}, path)
        elif isinstance(value, str | int | float):
            yield path, str(value)
