"""A recorded body as a text to edit, and what of an edited one may be sent.

Permission, reservation and ledger are computed from the edited body. So it may set the model, the messages and what
Extra JSON may set. Anything else by which a gateway could pick another model, answer more or read a file that nobody
has counted is refused, and nothing is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.chat.exchanges.request_parts import depth_of, iter_texts, layout_json, load_body
from lib.core.errors import AntlerError
from lib.core.exchanges import Attempt, Exchange, SentFile
from lib.core.extra_json import absorb_extra, other_spellings, reserved_fields
from lib.core.params import MAX_IMAGES, Params
from lib.core.target import IMAGES, Target

MAX_EDITED_CHARS = 500_000  # that an editor of the page bears
# Fields that are the question itself, and those that the reader of the response depends on.
_QUESTION_FIELDS = ("messages", "system", "prompt", "image", "mask")
_FIXED_FIELDS = ("stream", "stream_options")
_IMAGE_FIELDS = ("size", "quality")
# Blocks of a message that need no file.
_BLOCK_TYPES = frozenset({"text", "thinking", "redacted_thinking", "refusal", "tool_use", "tool_result"})
# Names of fields whose value is the address of a file, or its id at the vendor.
_ADDRESS_FIELDS = frozenset({"url", "uri", "file_id", "file_uri", "file_url", "image_url", "video_url", "id_or_url"})
_MAX_DEPTH = 60


class InvalidEdit(AntlerError):
    """An edited body that cannot be sent: the reason, and the values of its text."""

    code = "invalid_edit"

    def __init__(self, reason: str, **values: str | int) -> None:
        super().__init__(f"{reason} {values}" if values else reason)
        self.reason = reason
        self.values = values


@dataclass(frozen=True)
class EditedBody:
    """An edited body whose files are marks, its target, and the parameters that it counts as.

    `is_same_question` is set where only the model or parameters differ from what was recorded.
    """

    target: Target
    fields: Mapping[str, Any]
    params: Params
    is_same_question: bool

    @property
    def text(self) -> str:
        """The body as JSON."""
        return json.dumps(self.fields, ensure_ascii=False)

    @property
    def question_text(self) -> str:
        """The part of the input that is not among the parameters."""
        question = {name: self.fields[name] for name in ("messages", "prompt") if name in self.fields}
        return json.dumps(question, ensure_ascii=False)


def can_edit(attempt: Attempt) -> bool:
    """Return True for an attempt whose body is recorded, and short enough for an editor."""
    return not attempt.omits_body and 0 < len(attempt.body) <= MAX_EDITED_CHARS and attempt.method == "POST"


def to_text(attempt: Attempt) -> str:
    """Return the body for an editor, with a readable mark for each file."""
    fields = load_body(attempt)
    layout = None if fields is None else layout_json(fields)
    # The editor takes what is too long when it is laid out as it was sent.
    text = layout if layout and len(layout) <= MAX_EDITED_CHARS else attempt.body
    for number, file in enumerate(attempt.files, 1):
        text = text.replace(file.mark, _mark(number, file))
    return text


def parse_edit(text: str, exchange: Exchange, attempt: Attempt) -> EditedBody:
    """Return what an edited text sends. Raises InvalidEdit."""
    if len(text) > MAX_EDITED_CHARS:
        raise InvalidEdit("too_long", limit=MAX_EDITED_CHARS)
    wire = exchange.target.wire
    for number, file in enumerate(attempt.files, 1):
        text = text.replace(_mark(number, file), file.mark)
    fields, recorded = _parse(text), load_body(attempt) or {}
    model = fields.get("model")
    if not isinstance(model, str) or not model.strip():
        raise InvalidEdit("no_model")
    for name in _FIXED_FIELDS:
        if fields.get(name) != recorded.get(name):
            raise InvalidEdit("fixed_field", name=name)
    if wire == IMAGES and ("image" in fields) != ("image" in recorded):
        raise InvalidEdit("fixed_field", name="image")
    _check_question(fields, attempt, is_image=wire == IMAGES)
    is_same = all(fields.get(name) == recorded.get(name) for name in _QUESTION_FIELDS)
    target = Target(model, wire)
    return EditedBody(target, fields, _read_params(fields, target), is_same)


def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise InvalidEdit("no_json", line=error.lineno, column=error.colno, problem=error.msg) from None
    except RecursionError:
        raise InvalidEdit("too_deep") from None
    if not isinstance(value, dict):
        raise InvalidEdit("no_object")
    if depth_of(value) > _MAX_DEPTH:
        raise InvalidEdit("too_deep")
    return value


def _reject_constant(constant: str) -> float:
    raise InvalidEdit("no_number", name=constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object without a name that occurs twice: gateways differ in which one they read."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidEdit("twice", name=name[:80])
        found[name] = value
    return found


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _read_params(fields: Mapping[str, Any], target: Target) -> Params:
    """Return the parameters as permission and reservation count them. Raises InvalidEdit for reserved ones."""
    question = ("prompt", "image", "mask") if target.makes_images else ("messages",)
    extra = {name: value for name, value in fields.items() if name not in ("model", *_FIXED_FIELDS, *question)}
    params = Params(extra=json.dumps(extra, ensure_ascii=False))
    for name in (*reserved_fields(params), *other_spellings(extra)):
        raise InvalidEdit("reserved", name=name[:80])
    params = absorb_extra(target.wire, params)
    if target.makes_images:
        if (params.n or 1) > MAX_IMAGES:
            raise InvalidEdit("too_many_images", limit=MAX_IMAGES)
        size, quality = (value if isinstance(value := fields.get(name), str) else "" for name in _IMAGE_FIELDS)
        return replace(params, size=size, quality=quality)
    # A lifetime of the cache can also be set beside a text.
    return replace(params, cache="1h") if '"1h"' in json.dumps(fields) else params


def _check_question(fields: Mapping[str, Any], attempt: Attempt, *, is_image: bool) -> None:
    """Raise InvalidEdit unless the question holds texts, and the recorded files no more often than before."""
    for file in attempt.files:
        texts = json.dumps({name: fields[name] for name in _QUESTION_FIELDS if name in fields})
        if texts.count(file.mark) > attempt.body.count(file.mark):
            raise InvalidEdit("file_twice")
        if json.dumps(fields).count(file.mark) > texts.count(file.mark):
            raise InvalidEdit("file_moved")
    marks = {file.mark for file in attempt.files}
    if is_image:
        values = [fields.get("image"), fields.get("mask")]
        flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
        if any(item is not None and not (isinstance(item, str) and item in marks) for item in flat):
            raise InvalidEdit("new_file")
        return
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise InvalidEdit("no_messages")
    question = [*messages, {"content": fields.get("system")}]
    if any(_has_address(each, marks) for each in _iter_objects(question)):
        raise InvalidEdit("new_file")
    for message in question:
        _check_content(message.get("content"), marks)


def _check_content(content: Any, marks: set[str]) -> None:
    """Raise InvalidEdit for a block that is no text and holds no file of the recorded body."""
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        if not (isinstance(kind, str) and kind in _BLOCK_TYPES) and marks.isdisjoint(iter_texts(block)):
            raise InvalidEdit("block", name=str(kind)[:80])
        if isinstance(block, dict):
            _check_content(block.get("content"), marks)


def _has_address(fields: Mapping[str, Any], marks: set[str]) -> bool:
    """Return True for an object with the address of a file that is not among the recorded ones."""
    return any(
        name.casefold() in _ADDRESS_FIELDS and isinstance(value, str) and value not in marks
        for name, value in fields.items()
    )


def _iter_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in _items(value):
            yield from _iter_objects(item)


def _mark(number: int, file: SentFile) -> str:
    return f"[file {number}: {file.media_type}, {file.size} bytes]"
