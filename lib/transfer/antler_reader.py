"""Antler's own file, read: every field of its kind, or the file is refused with the place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

from lib.core.conversation import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    Part,
    TextPart,
    ThinkingPart,
    Timing,
    TitleSource,
    Truncation,
    Usage,
)
from lib.core.errors import AnswerError, TransferError, UnexpectedError
from lib.core.params import FIELDS_BY_NAME, Params
from lib.core.sanitize import sanitize_json
from lib.core.target import Target, is_wire
from lib.transfer.antler_writer import FORMAT, FORMAT_VERSION
from lib.transfer.fields import FieldReader
from lib.transfer.message_tree import ImportedMessage, build_tree, newest_leaf_id
from lib.transfer.result import ConversationRecord, derive_id

NAME = FORMAT

T = TypeVar("T")

_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,32}")
_MAX_METADATA_DEPTH = 8  # of what a gateway told: deeper than anything that is kept of it


def can_parse(document: Any) -> bool:
    """Whether this is a file of this format, of whatever version."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def parse_records(document: dict[str, Any], issues: Counter[str]) -> Iterator[ConversationRecord]:
    """The conversations of the file, exactly as they were written.

    Fields of later versions are passed over and counted, as is what had to be mended. Raises
    TransferError where the file is of a later major version, or a field is not of its kind.
    """
    file = FieldReader(document, "", issues)
    file.pop("format")
    version = file.read_integer("version")
    if version is None or version < 1:
        raise file.shape_error("version")
    if version > FORMAT_VERSION:
        raise TransferError("newer", str(version))
    for one in file.read_objects("conversations"):
        yield _parse_record(one, issues)
    file.count_unknown_fields()


def _parse_record(reader: FieldReader, issues: Counter[str]) -> ConversationRecord:
    conversation = _parse_conversation(reader, issues)
    seeds = _ensure_valid_ids([_parse_message(one, issues) for one in reader.read_objects("nodes")], issues)
    reader.count_unknown_fields()
    tree = build_tree(seeds, conversation.created_at, issues)
    head, window = conversation.head_id, conversation.truncation
    if head is not None and head not in tree.node_ids:
        issues["head"] += 1
    return replace(
        conversation,
        head_id=tree.node_ids.get(head) or newest_leaf_id(tree.nodes) if head is not None else None,
        truncation=replace(
            window, start=tree.node_ids.get(window.start, _ensure_valid_id(window.start, issues))
        )
        if window
        else None,
    ), tree.nodes


def _parse_conversation(reader: FieldReader, issues: Counter[str]) -> Conversation:
    """The conversation, its head and its window under the ids of the file."""
    titled = reader.read_text("titled")
    if titled not in ("", *get_args(TitleSource)):
        issues["unknown"] += 1
    head = reader.read_text("head")
    window = reader.read_object("window")
    return Conversation(
        id=_ensure_valid_id(reader.read_text("id", required=True), issues),
        title=reader.read_line("title"),
        title_source=next((one for one in get_args(TitleSource) if one == titled), "question"),
        created_at=reader.read_timestamp("created") or 0.0,
        updated_at=reader.read_timestamp("updated") or 0.0,
        head_id=head or None,
        target=_parse_target(reader.read_object("target"), issues),
        params=_parse_params(reader.read_object("params"), issues),
        folder=reader.read_line("folder"),
        pinned=reader.read_bool("pinned"),
        archived=reader.read_bool("archived"),
        truncation=_parse_optional(
            window, lambda one: Truncation(one.read_text("start"), one.read_text("summary"))
        ),
    )


def _parse_message(reader: FieldReader, issues: Counter[str]) -> ImportedMessage:
    name = reader.read_text("id", required=True)
    parent = reader.read_text("parent")
    role = reader.read_text("role", required=True)
    if role not in ("user", "assistant"):
        raise reader.shape_error("role")
    parts = tuple(part for one in reader.read_objects("parts") if (part := _parse_part(one, issues)))
    created = reader.read_timestamp("created")
    served = reader.pop("served")
    if not isinstance(served, dict | None):
        raise reader.shape_error("served")
    node = Node(
        id=name,
        parent_id=None,
        message=Message("user" if role == "user" else "assistant", parts),
        created_at=0.0,
        outcome=_parse_outcome(reader.read_text("outcome"), issues),
        finish_reason=reader.read_text("reason"),
        target=_parse_target(reader.read_object("target"), issues),
        usage=_parse_optional(reader.read_object("usage"), _parse_usage) or Usage(),
        timing=_parse_optional(reader.read_object("timing"), _parse_timing) or Timing(),
        failure=_parse_optional(reader.read_object("failure"), lambda one: _parse_failure(one, issues)),
        request_id=reader.read_text("request_id"),
        provider_metadata=sanitize_json(served or {}, _MAX_METADATA_DEPTH),
    )
    reader.count_unknown_fields()
    return ImportedMessage(name, parent or None, node, created)


def _parse_part(reader: FieldReader, issues: Counter[str]) -> Part | None:
    kind = reader.read_text("type", required=True)
    if kind == "text":
        part: Part = TextPart(reader.read_text("text"))
    elif kind == "thinking":
        part = ThinkingPart(
            reader.read_text("text"), reader.read_text("signature"), reader.read_text("sealed")
        )
    else:
        issues["part"] += 1
        return None
    reader.count_unknown_fields()
    return part


def _parse_outcome(name: str, issues: Counter[str]) -> Outcome:
    if name and name not in set(Outcome) - {Outcome.ARRIVING}:
        issues["unknown"] += 1
        return Outcome.INTERRUPTED
    return Outcome(name or Outcome.COMPLETE)


def _parse_target(reader: FieldReader | None, issues: Counter[str]) -> Target | None:
    if reader is None:
        return None
    model, wire = reader.read_line("model"), reader.read_text("wire")
    reader.count_unknown_fields()
    if model and is_wire(wire):
        return Target(model, wire)
    issues["unknown"] += 1
    return None


def _parse_usage(reader: FieldReader) -> Usage:
    return Usage(**{field.name: reader.read_count(field.name) for field in fields(Usage)})


def _parse_timing(reader: FieldReader) -> Timing:
    return Timing(**{field.name: reader.read_number(field.name) for field in fields(Timing)})


def _parse_failure(reader: FieldReader, issues: Counter[str]) -> Failure:
    code = reader.read_line("code")
    known = code in _error_codes(AnswerError)
    issues["unknown"] += not known
    return Failure(
        code=code if known else UnexpectedError.code,
        detail=reader.read_text("detail"),
        status=reader.read_integer("status"),
        request_id=reader.read_text("request_id"),
        retry=reader.read_bool("retry"),
        blamed=reader.read_texts("blamed"),
        wait=reader.read_number("wait"),
    )


def _error_codes(error_type: type[AnswerError]) -> set[str]:
    return {error_type.code}.union(*map(_error_codes, error_type.__subclasses__()))


def _parse_params(reader: FieldReader | None, issues: Counter[str]) -> Params:
    """What was set. A value that no wire takes is left out and counted: the page could not show it."""
    if reader is None:
        return Params()
    found: dict[str, Any] = {}
    for name, field in FIELDS_BY_NAME.items():
        value = _parse_param(reader, name, field.kind)
        if value is None or value == "":
            continue
        ranges = field.ranges
        if (field.kind == "choice" and value not in field.choices) or (
            ranges and not min(one.minimum for one in ranges) <= value <= max(one.maximum for one in ranges)
        ):
            issues["setting"] += 1
        else:
            found[name] = value
    reader.count_unknown_fields()
    return Params(**found)


def _parse_param(reader: FieldReader, name: str, kind: str) -> Any:
    if kind == "integer":
        return reader.read_integer(name)
    if kind == "number":
        return reader.read_number(name)
    if kind == "lines":
        return reader.read_texts(name)
    if kind == "switch":
        value = reader.pop(name)
        if not isinstance(value, bool | None):
            raise reader.shape_error(name)
        return value
    return reader.read_text(name)


def _parse_optional(reader: FieldReader | None, parse: Callable[[FieldReader], T]) -> T | None:
    if reader is None:
        return None
    value = parse(reader)
    reader.count_unknown_fields()
    return value


def _ensure_valid_id(candidate: str, issues: Counter[str], used_ids: Collection[str] = ()) -> str:
    """The id, where it is of the form of ours; else one that is always the same for it, and not used."""
    if _ID_PATTERN.fullmatch(candidate):
        return candidate
    issues["id"] += 1
    candidate = derive_id(candidate)
    while candidate in used_ids:
        candidate = derive_id(candidate)
    return candidate


def _ensure_valid_ids(messages: list[ImportedMessage], issues: Counter[str]) -> list[ImportedMessage]:
    """The same, with nodes whose ids are all of our form."""
    used = {seed.id for seed in messages}
    return [
        replace(
            seed, node=replace(seed.node, id=_ensure_valid_id(seed.id, issues, used)) if seed.node else None
        )
        for seed in messages
    ]
