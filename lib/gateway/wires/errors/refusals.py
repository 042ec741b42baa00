"""Refusals with status 200: objects and plain texts that gateways send in the place of an answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from lib.core.conversation import Outcome
from lib.core.errors import StreamInterrupted
from lib.core.events import Finish
from lib.gateway.transport.body import BODY_FRAME_NAME, truncate, visible_text
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.errors.payload import answers_with_message
from lib.gateway.wires.errors.responses import refusal_from_body

_SUCCESS_CODES = ("", "0", "200", "success", "ok", "none")
# Fields of events of either wire, which say nothing in the way of a refusal.
_EVENT_FIELDS = {
    *("id", "object", "created", "model", "type", "role", "index", "usage", "system_fingerprint", "service_tier"),
    *("provider", "message", "delta", "content_block", "error"),
}


class RefusalDetector:
    """Frames of one response that hold nothing of an answer, and say something in its place.

    `{"code":500,"msg":…}`, `{"success":false,…}` and `{"object":"error",…}` are refusals at once. Other words,
    such as a plain text, may also be notes between two parts of an answer: they count when nothing follows. Objects of
    a form that nobody knows are quoted where there is nothing else.
    """

    def __init__(self, *answer_fields: str) -> None:
        self._answer_fields = answer_fields
        self._words: Any = None
        self._unknown = ""
        self._has_empty_answer = False  # the fields of an answer and its usage, without anything in them

    def add(self, frame: Frame, payload: Mapping[str, Any]) -> None:
        """Look at a frame and its JSON object. Raises the error of a refusal."""
        if not payload:
            if text := frame.data.strip():
                self._words = _parse_words(text) if text not in ("[DONE]", "{}") or _is_body(frame) else self._words
            return
        if any(payload.get(name) for name in self._answer_fields):
            return
        if answers_with_message(payload):
            if _is_explicit(payload):
                raise refusal_from_body(payload)
            self._words = payload
        elif payload.get("usage") and any(name in payload for name in self._answer_fields):
            self._has_empty_answer = True
        elif _is_body(frame):
            self._words = truncate(frame.data.strip())
        elif not any(name in payload for name in self._answer_fields) and _has_unknown_fields(payload):
            self._unknown = self._unknown or truncate(frame.data.strip())

    def raise_words(self, *, has_started: bool) -> None:
        """Raise the error of the words that came in place of the end of the answer, if there are any."""
        words = self._words or ("" if has_started else self._unknown)
        if not words:
            return
        error = refusal_from_body(words)
        if has_started:
            raise StreamInterrupted(error.detail)
        raise error

    def end(self, *, has_started: bool, is_incomplete: bool) -> Finish:
        """Return the finish of an empty answer without a finish reason. Raises the error of any other end."""
        self.raise_words(has_started=has_started)
        if is_incomplete or has_started or not self._has_empty_answer:
            raise StreamInterrupted
        return Finish(Outcome.EMPTY, "")


def _parse_words(text: str) -> Any:
    """Return what a text says: a list that is JSON, the visible text of a page, or the text."""
    if text.startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text) or text
    return visible_text(text) if text.startswith("<") else truncate(text)


def _has_unknown_fields(payload: Mapping[str, Any]) -> bool:
    return any(value for name, value in payload.items() if name not in _EVENT_FIELDS)


def _is_body(frame: Frame) -> bool:
    return frame.name == BODY_FRAME_NAME


def _is_explicit(payload: Mapping[str, Any]) -> bool:
    if payload.get("object") == "error" or payload.get("success") is False:
        return True
    codes = (payload.get("code"), payload.get("status"), payload.get("error_code"), payload.get("statusCode"))
    return any(str(code).lower() not in _SUCCESS_CODES for code in codes if code is not None)
