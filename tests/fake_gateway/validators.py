"""Validators of request fields: small ones combine into larger ones, and each names the field it rejects."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from lib.demo.wire import ErrorResponse

# Called with a value and its place in the body; raises ErrorResponse (400) for an invalid value.
Validator = Callable[[Any, str], None]

_UNLIMITED = 2**53
# The first bytes of each media type.
_SIGNATURES = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "application/pdf": b"%PDF-",
    "audio/wav": b"RIFF",
    "audio/mpeg": (b"ID3", b"\xff"),
}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,")


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON body. Raises ErrorResponse (400) for a body that is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ErrorResponse(400, "invalid_request_error", "The body is not JSON.") from error


def reject(place: str, message: str) -> NoReturn:
    """Raise the error of a field."""
    raise ErrorResponse(400, "invalid_request_error", f"{place} {message}", param=place)


def base64_of(media_type: str) -> Validator:
    """Accept base64 without the prefix of a data URL, of a file of this type."""

    def validate(value: Any, place: str) -> None:
        string(1)(value, place)
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            reject(place, "must be base64 without the prefix of a data URL.")
        if not data.startswith(_SIGNATURES.get(media_type, b"")):
            reject(place, f"must be a file of the type {media_type}.")

    return validate


def data_url(*media_types: str) -> Validator:
    """Accept data URLs in base64, of files of these types."""

    def validate(value: Any, place: str) -> None:
        string(1)(value, place)
        match = _DATA_URL.match(value)
        if match is None or match[1] not in media_types:
            reject(place, f"must be a data URL in base64 of {', '.join(media_types)}.")
        base64_of(match[1])(value[match.end() :], place)

    return validate


def number(minimum: float, maximum: float) -> Validator:
    """Accept numbers between inclusive bounds, but not booleans."""

    def validate(value: Any, place: str) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not minimum <= value <= maximum:
            reject(place, f"must be a number from {minimum:g} to {maximum:g}.")

    return validate


def integer(minimum: int, maximum: int = _UNLIMITED) -> Validator:
    """Accept integers between inclusive bounds, but not booleans."""

    def validate(value: Any, place: str) -> None:
        if type(value) is not int or not minimum <= value <= maximum:
            span = f"from {minimum} to {maximum}" if maximum < _UNLIMITED else f"of at least {minimum}"
            reject(place, f"must be an integer {span}.")

    return validate


def boolean(value: Any, place: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        reject(place, "must be true or false.")


def string(minimum: int = 0, maximum: int = _UNLIMITED) -> Validator:
    """Accept strings with a length between inclusive bounds."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, str):
            reject(place, "must be a string.")
        if len(value) < minimum:
            reject(place, "must not be empty.")
        if len(value) > maximum:
            reject(place, f"must have at most {maximum} characters.")

    return validate


def one_of(*choices: str) -> Validator:
    """Accept one of several strings."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, str) or value not in choices:
            reject(place, f"must be one of {', '.join(choices)}.")

    return validate


def array(item: Validator, minimum: int = 0, maximum: int = _UNLIMITED) -> Validator:
    """Accept lists with a length between inclusive bounds."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, list):
            reject(place, "must be a list.")
        if len(value) < minimum:
            reject(place, f"must have at least {minimum} items.")
        if len(value) > maximum:
            reject(place, f"must have at most {maximum} items.")
        for index, element in enumerate(value):
            item(element, f"{place}.{index}")

    return validate


def mapping(item: Validator, key: Validator | None = None, maximum: int = _UNLIMITED) -> Validator:
    """Accept objects with arbitrary keys."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            reject(place, "must be an object.")
        if len(value) > maximum:
            reject(place, f"must have at most {maximum} keys.")
        for name, element in value.items():
            if key:
                key(name, f"{place}.{name[:80]}")
            item(element, f"{place}.{name[:80]}")

    return validate


def any_value(value: Any, place: str) -> None:
    """Accept everything."""


def object_of(
    fields: Mapping[str, Validator], *required: str, allows_unknown: bool = False, ignores_null: bool = False
) -> Validator:
    """Accept objects with the given fields; null may count as a field that is absent."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            reject(place or "The body", "must be a JSON object.")
        prefix = f"{place}." if place else ""
        present = {name: item for name, item in value.items() if not (ignores_null and item is None)}
        for name in required:
            if name not in present:
                reject(prefix + name, "is required.")
        for name, item in present.items():
            if name in fields:
                fields[name](item, prefix + name)
            elif not allows_unknown:
                reject(prefix + name[:80], "is not permitted: there is no such field.")

    return validate


def tagged_union(tag: str, validators: Mapping[str, Validator]) -> Validator:
    """Accept objects whose field `tag` selects the validator."""

    def validate(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            reject(place, "must be an object.")
        kind = value.get(tag)
        if not isinstance(kind, str) or kind not in validators:
            reject(f"{place}.{tag}", f"must be one of {', '.join(validators)}.")
        validators[kind](value, place)

    return validate


def string_or(text: Validator, other: Validator) -> Validator:
    """Validate strings with one validator and everything else with another."""

    def validate(value: Any, place: str) -> None:
        (text if isinstance(value, str) else other)(value, place)

    return validate
