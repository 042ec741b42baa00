"""Rows to core values, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import sqlalchemy as sa

from lib.core import params
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
    Truncation,
    Usage,
)
from lib.core.target import Target, is_wire


def conversation(row: sa.Row[Any]) -> Conversation:
    return Conversation(
        id=row.id,
        title=row.title,
        updated_at=row.updated,
        head_id=row.head,
        target=_target(row),
        params=params.load_params(row.params),
        created_at=row.created,
        revision=row.rev,
        title_source=row.titled,
        folder=row.folder,
        pinned=row.pinned,
        archived=row.archived,
        unread=row.unread,
        arriving=bool(row.arriving),
        truncation=Truncation(**row.window) if row.window else None,
    )


def from_conversation(value: Conversation) -> dict[str, Any]:
    """The columns of a conversation; where it does not say when it was made, that is when it changed last."""
    return {
        "id": value.id,
        "title": value.title,
        "updated": value.updated_at,
        "head": value.head_id,
        "params": asdict(value.params),
        "created": value.created_at or value.updated_at,
        "rev": value.revision,
        "titled": value.title_source,
        "folder": value.folder,
        "pinned": value.pinned,
        "archived": value.archived,
        "unread": value.unread,
        "window": from_window(value.truncation),
        **from_target(value.target),
    }


def from_window(value: Truncation | None) -> dict[str, Any] | None:
    return asdict(value) if value else None


def node(row: sa.Row[Any]) -> Node:
    return Node(
        id=row.id,
        parent_id=row.parent,
        message=message(row.role, row.parts),
        created_at=row.created,
        outcome=Outcome(row.outcome),
        finish_reason=row.reason,
        target=_target(row),
        usage=Usage(**row.usage),
        timing=Timing(**row.timing),
        failure=_failure(row.failure),
        request_id=row.request_id,
        provider_metadata=row.served or {},
        deleted_at=row.deleted,
        usage_record_id=row.request,
    )


def message(role: Literal["user", "assistant"], parts: Sequence[Mapping[str, Any]]) -> Message:
    return Message(role, tuple(map(_part, parts)))


def from_node(value: Node) -> dict[str, Any]:
    """The columns of a node but its conversation's; `beat` is now."""
    return {
        "id": value.id,
        "parent": value.parent_id,
        "role": value.message.role,
        "parts": [_from_part(part) for part in value.message.parts],
        "created": value.created_at,
        "outcome": value.outcome,
        "reason": value.finish_reason,
        "usage": asdict(value.usage),
        "timing": asdict(value.timing),
        "failure": asdict(value.failure) if value.failure else None,
        "request_id": value.request_id,
        "served": dict(value.provider_metadata),
        "beat": time.time(),
        "deleted": value.deleted_at,
        "request": value.usage_record_id,
        **from_target(value.target),
    }


def _failure(raw: Mapping[str, Any] | None) -> Failure | None:
    return Failure(**{**raw, "blamed": tuple(raw.get("blamed", ()))}) if raw else None


def _target(row: sa.Row[Any]) -> Target | None:
    return Target(row.model, row.wire) if row.model and is_wire(row.wire) else None


def from_target(target: Target | None) -> dict[str, Any]:
    return {"model": target.model if target else None, "wire": target.wire if target else None}


def _part(raw: Mapping[str, Any]) -> Part:
    if raw["type"] == "thinking":
        return ThinkingPart(raw["text"], raw["signature"], raw.get("sealed", ""))
    return TextPart(raw["text"])


def _from_part(part: Part) -> dict[str, Any]:
    return {"type": "thinking" if isinstance(part, ThinkingPart) else "text", **asdict(part)}
