"""Facts about a recorded exchange for its head: durations, sizes, ids, and what of it was not recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from lib.chat.exchanges.request_parts import layout_json
from lib.core.exchanges import Attempt
from lib.gateway.wires.errors.responses import request_id

# What was not recorded, or is not stored any more.
Omission = Literal["body", "key", "size", "files"]


def request_id_of(attempt: Attempt) -> str:
    """Return the id under which the gateway logs the request; "" without one."""
    return request_id({name.lower(): value for name, value in attempt.response_headers.items()})


def list_omissions(attempt: Attempt) -> Iterator[Omission]:
    """Yield what of an attempt was not recorded."""
    if attempt.omits_body:
        yield "body"
    if attempt.withholds_key:
        yield "key"
    elif attempt.omitted_bytes:
        yield "size"


def response_text(attempt: Attempt) -> str:
    """Return the recorded bytes of a response as text."""
    return b"".join(chunk.data for chunk in attempt.chunks).decode("utf-8", "replace")


def pretty_json(text: str) -> str:
    """Return JSON with an indentation; any other text, and JSON that would be too long, as it is."""
    try:
        return layout_json(json.loads(text)) or text
    except (ValueError, RecursionError):
        return text


def is_error(attempt: Attempt) -> bool:
    """Return True for an attempt that was refused, or that ended with an error."""
    return bool(attempt.error) or (attempt.status is not None and attempt.status >= 400)
