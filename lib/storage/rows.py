"""Conversions between database rows and core values, and the owner scope of queries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Any, Literal, get_args

import sqlalchemy as sa

from lib.core import params
from lib.core.conversation import (
    Conversation,
    Failure,
    Feedback,
    FilePart,
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    Part,
    Rating,
    SourcePart,
    TextPart,
    ThinkingPart,
    Timing,
    Truncation,
    Usage,
)
from lib.core.pricing import Price, parse_decimal
from lib.core.prompts import Persona
from lib.core.target import Target, parse_target
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes
from lib.storage.search.tokens import encode_title

_BATCH_SIZE = 500  # ids in one statement: databases limit the number of bound values

# Attributes and the names under which they are stored, as JSON keys or columns. Stored names never change.
USAGE_NAMES = {
    "input": "input",
    "output": "output",
    "cache_read": "cached",
    "cache_write": "written",
    "cache_write_1h": "written_1h",
    "reasoning": "reasoning",
    "searches": "searches",
}
_PRICE_NAMES = {
    "input": "input",
    "output": "output",
    "cache_read": "cached",
    "cache_write": "written",
    "cache_write_1h": "written_1h",
    "per_request": "request",
    "reasoning": "reasoning",
    "per_search": "search",
    "image_input": "image_input",
}
_RATINGS = get_args(Rating)
_NEWER_COUNTS = ("written_1h", "searches")
_NEWER_PRICES = ("reasoning", "written_1h", "search", "image_input")
TIMING_NAMES = {"first_token": "first", "first_text": "spoke", "total": "total"}
_FAILURE_NAMES = {
    "code": "code",
    "detail": "detail",
    "status": "status",
    "request_id": "request_id",
    "retryable": "retry",
    "rejected_params": "blamed",
    "retry_after": "wait",
    "request_digest": "digest",
}
_TRUNCATION_NAMES = {"start_id": "start", "summary": "summary"}
_PERSONA_NAMES = {"name": "name", "avatar": "avatar", "prompt_id": "prompt"}
_CONVERSATION_NAMES = {
    "id": "id",
    "title": "title",
    "updated_at": "updated",
    "head_id": "head",
    "created_at": "created",
    "revision": "rev",
    "title_source": "titled",
    "folder": "folder",
    "pinned": "pinned",
    "archived": "archived",
    "unread": "unread",
    "comparison_id": "comparison",
}
_NODE_NAMES = {
    "id": "id",
    "parent_id": "parent",
    "created_at": "created",
    "finish_reason": "reason",
    "request_id": "request_id",
    "deleted_at": "deleted",
    "usage_record_id": "request",
}


def to_stored(value: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of a value by their stored names."""
    return {stored: getattr(value, attribute) for attribute, stored in names.items()}


def from_stored(stored_values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return stored values by attribute; missing ones are left out, unknown ones ignored."""
    return {name: stored_values[stored] for name, stored in names.items() if stored in stored_values}


def owned(owner: str | sa.BindParameter[str], conversation_id: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Condition on `conversation`: this conversation, in the owner's scope."""
    return (conversations.c.id == conversation_id) & (conversations.c.owner == owner)


def in_owned_conversation(owner: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """Condition on `node`: part of a conversation in the owner's scope."""
    query = sa.select(conversations.c.id).where(owned(owner, nodes.c.conversation))
    return query.correlate(nodes).exists()


def touch_conversation(connection: sa.Connection, owner: str, conversation_id: str, **columns: Any) -> None:
    """Set columns of a conversation, and increment its revision, the version that caches compare."""
    columns["rev"] = conversations.c.rev + 1
    connection.execute(sa.update(conversations).where(owned(owner, conversation_id)).values(columns))


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split ids, without duplicates, into lists that one statement can bind."""
    unique = list(dict.fromkeys(ids))
    return (unique[start : start + _BATCH_SIZE] for start in range(0, len(unique), _BATCH_SIZE))


def conversation_from_row(row: sa.Row[Any]) -> Conversation:
    return Conversation(
        **from_stored(row._asdict(), _CONVERSATION_NAMES),
        target=parse_target(row.model, row.wire),
        params=params.load_params(row.params),
        arriving=bool(row.arriving),
        truncation=Truncation(**from_stored(row.window, _TRUNCATION_NAMES)) if row.window else None,
        persona=_persona_from_row(row.persona),
    )


def conversation_to_row(conversation: Conversation) -> dict[str, Any]:
    """Columns of a conversation; a missing creation time is the time of the last change."""
    return {
        **to_stored(conversation, _CONVERSATION_NAMES),
        **title_to_row(conversation.title),
        **target_to_row(conversation.target),
        "params": asdict(conversation.params),
        "created": conversation.created_at or conversation.updated_at,
        "window": truncation_to_row(conversation.truncation),
        "persona": persona_to_row(conversation.persona),
    }


def title_to_row(title: str) -> dict[str, str]:
    """Columns of a title: its text, and the tokens by which it is found."""
    return {"title": title, "title_tokens": encode_title(title)}


def truncation_to_row(truncation: Truncation | None) -> dict[str, Any] | None:
    return to_stored(truncation, _TRUNCATION_NAMES) if truncation else None


def persona_to_row(persona: Persona | None) -> dict[str, Any] | None:
    return to_stored(persona, _PERSONA_NAMES) if persona else None


def _persona_from_row(raw: Mapping[str, Any] | None) -> Persona | None:
    return Persona(**from_stored(raw, _PERSONA_NAMES)) if raw else None


def node_from_row(row: sa.Row[Any], newer_columns: dict[str, Any]) -> Node:
    """Return the node of a row; `newer_columns` take the place of those of the row."""
    values = dict(zip(row._fields, row, strict=True))  # `_asdict` takes four times as long
    if newer_columns:
        values |= newer_columns
    rating = values["rating"]
    return Node(
        **from_stored(values, _NODE_NAMES),
        message=message_from_row(values["role"], values["parts"]),
        outcome=Outcome(values["outcome"]),
        target=parse_target(values["model"], values["wire"]),
        usage=_usage_from_row(values["usage"]),
        timing=_timing_from_row(values["timing"]),
        provider_metadata=values["served"] or {},
        failure=_failure_from_row(values["failure"]),
        feedback=Feedback(rating, values["comment"] or "") if rating in _RATINGS else None,
        persona=_persona_from_row(values["persona"]),
    )


def facts_from_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a node that columns of facts stand for: usage, timing, reason, served."""
    facts: dict[str, Any] = {}
    if "usage" in columns:
        facts["usage"] = _usage_from_row(columns["usage"])
    if "timing" in columns:
        facts["timing"] = _timing_from_row(columns["timing"])
    if "reason" in columns:
        facts["finish_reason"] = columns["reason"]
    if "served" in columns:
        facts["provider_metadata"] = columns["served"] or {}
    return facts


def _usage_from_row(raw: Mapping[str, Any]) -> Usage:
    return Usage(**from_stored(raw, USAGE_NAMES))


def _timing_from_row(raw: Mapping[str, Any]) -> Timing:
    return Timing(**from_stored(raw, TIMING_NAMES))


def node_to_row(node: Node) -> dict[str, Any]:
    """Columns of a node except its conversation's and its heartbeat."""
    return {
        **to_stored(node, _NODE_NAMES),
        **target_to_row(node.target),
        "role": node.message.role,
        "parts": [part_to_row(part) for part in node.message.parts],
        "outcome": node.outcome,
        "usage": _usage_to_row(node.usage),
        "timing": to_stored(node.timing, TIMING_NAMES),
        "failure": failure_to_row(node.failure),
        "served": dict(node.provider_metadata),
        **feedback_to_row(node.feedback),
        "persona": persona_to_row(node.persona),
    }


def _usage_to_row(usage: Usage) -> dict[str, int | None]:
    stored = to_stored(usage, USAGE_NAMES)
    # Version 0.1 reads no row with a key that it does not know.
    return {name: count for name, count in stored.items() if name not in _NEWER_COUNTS or count is not None}


def feedback_to_row(feedback: Feedback | None) -> dict[str, Any]:
    return {"rating": feedback and feedback.rating, "comment": (feedback and feedback.comment) or None}


def message_from_row(role: Literal["user", "assistant"], parts: Sequence[Mapping[str, Any]]) -> Message:
    return Message(role, tuple(map(part_from_row, parts)))


def failure_to_row(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    stored = to_stored(failure, _FAILURE_NAMES)
    # Version 0.1 reads no row with a key that it does not know.
    return stored if failure.request_digest else {key: v for key, v in stored.items() if key != "digest"}


def _failure_from_row(raw: Mapping[str, Any] | None) -> Failure | None:
    if not raw:
        return None
    fields = from_stored(raw, _FAILURE_NAMES)
    return Failure(**fields | {"rejected_params": tuple(fields.get("rejected_params", ()))})


def target_to_row(target: Target | None) -> dict[str, Any]:
    return {"model": target.model if target else None, "wire": target.wire if target else None}


_PART_CLASSES: dict[str, type[ImagePart | SourcePart | OtherPart | FilePart]] = {
    "image": ImagePart,
    "file": FilePart,
    "source": SourcePart,
    "other": OtherPart,
}
# Fields of parts under their stored names, which are the same; a missing one has its default.
_PART_FIELDS = {name: tuple(field.name for field in fields(part)) for name, part in _PART_CLASSES.items()}
_PART_TYPES = {part: name for name, part in _PART_CLASSES.items()}


def part_from_row(raw: Mapping[str, Any]) -> Part:
    """Return a part; one of a type that a later version has stored becomes an OtherPart with its JSON."""
    part_type = raw.get("type")
    if part_type == "thinking":
        return ThinkingPart(raw["text"], raw["signature"], raw.get("sealed", ""))
    if part_type == "text":
        return TextPart(raw["text"], tuple(raw.get("cited", ())))
    if part_type not in _PART_CLASSES:
        return OtherPart(str(part_type), "", json.dumps(raw, ensure_ascii=False))
    values = {name: raw[name] for name in _PART_FIELDS[part_type] if name in raw}
    if part_type == "file":
        return FilePart(**values | {"notes": tuple(values.get("notes", ()))})
    return _PART_CLASSES[part_type](**{"kind": "", **values} if part_type == "other" else values)


def part_to_row(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text} | ({"cited": list(part.cited)} if part.cited else {})
    if isinstance(part, ThinkingPart):
        return {
            "type": "thinking",
            "text": part.text,
            "signature": part.signature,
            "sealed": part.redacted_data,
        }
    # The empty text is for versions that know no other parts than texts.
    values = {name: value for name, value in asdict(part).items() if value}
    return {"type": _PART_TYPES[type(part)], "text": "", **values}


def price_to_json(price: Price | None) -> dict[str, str | None] | None:
    """Return a price with its amounts as decimal texts."""
    if price is None:
        return None
    stored = to_stored(price, _PRICE_NAMES)
    for name in _NEWER_PRICES:
        if stored[name] is None:
            del stored[name]  # newer than the others, and rare
    return {name: None if value is None else str(value) for name, value in stored.items()}


def price_from_json(raw: Any) -> Price | None:
    """Return a stored price; None for anything else."""
    stored = raw if isinstance(raw, Mapping) else {}
    amounts = {name: parse_decimal(value) for name, value in from_stored(stored, _PRICE_NAMES).items()}
    input_price, output_price = amounts.get("input"), amounts.get("output")
    if input_price is None or output_price is None:
        return None
    return Price(
        input_price,
        output_price,
        amounts.get("cache_read"),
        amounts.get("cache_write"),
        amounts.get("per_request") or Decimal(0),
        amounts.get("reasoning"),
        cache_write_1h=amounts.get("cache_write_1h"),
        per_search=amounts.get("per_search"),
        image_input=amounts.get("image_input"),
    )
