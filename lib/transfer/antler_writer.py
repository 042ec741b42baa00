"""Antler's own file: what docs/format.md describes, written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from lib.core.conversation import Conversation, Node, Outcome, TextPart, ThinkingPart
from lib.core.params import Params
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target
from lib.transfer.message_tree import newest_leaf_id, sort_nodes
from lib.transfer.result import ConversationRecord

FORMAT = "antler"
FORMAT_VERSION = 1


def write_export(records: Iterable[ConversationRecord]) -> Iterator[bytes]:
    """The file, piece by piece: one line for each conversation, in the order in which they come.

    An answer that is still arriving is written as interrupted, and a node that is marked as deleted is
    not written. The same conversations always give the same bytes.
    """
    yield f'{{\n"format": "{FORMAT}",\n"version": {FORMAT_VERSION},\n"conversations": ['.encode()
    gap = "\n"
    for conversation, nodes in records:
        line = json.dumps(_dump_conversation(conversation, nodes), ensure_ascii=False, separators=(",", ":"))
        yield replace_surrogates(f"{gap}{line}").encode()
        gap = ",\n"
    yield b"\n]\n}\n"


def _dump_conversation(conversation: Conversation, nodes: Sequence[Node]) -> dict[str, Any]:
    kept = sort_nodes(node for node in nodes if node.deleted_at is None)
    head = conversation.head_id
    window = conversation.truncation
    return _drop_empty(
        {
            "id": conversation.id,
            "title": conversation.title,
            "titled": conversation.title_source,
            "created": float(conversation.created_at),
            "updated": float(conversation.updated_at),
            "head": head if head is None or any(node.id == head for node in kept) else newest_leaf_id(kept),
            "target": _dump_target(conversation.target),
            "params": _dump_params(conversation.params),
            "folder": conversation.folder,
            "pinned": conversation.pinned,
            "archived": conversation.archived,
            "window": asdict(window) if window else None,
        }
    ) | {"nodes": list(map(_dump_node, kept))}


def _dump_node(node: Node) -> dict[str, Any]:
    outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
    return _drop_empty(
        {
            "id": node.id,
            "parent": node.parent_id,
            "role": node.message.role,
            "parts": list(map(_dump_part, node.message.parts)),
            "created": float(node.created_at),
            "outcome": None if outcome is Outcome.COMPLETE else outcome.value,
            "reason": node.finish_reason,
            "target": _dump_target(node.target),
            "usage": _drop_empty(asdict(node.usage)),
            "timing": _drop_empty(asdict(node.timing)),
            "failure": _drop_empty(asdict(node.failure)) if node.failure else None,
            "request_id": node.request_id,
            "served": _sort_keys(dict(node.provider_metadata)),
        }
    )


def _dump_part(part: TextPart | ThinkingPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return _drop_empty(
        {"type": "thinking", "text": part.text, "signature": part.signature, "sealed": part.sealed}
    )


def _dump_target(target: Target | None) -> dict[str, Any] | None:
    return {"model": target.model, "wire": target.wire} if target else None


def _dump_params(params: Params) -> dict[str, Any]:
    """What is set; the type counts too, for 1 and 1.0 are sent as they are."""
    values = ((field, getattr(params, field.name)) for field in fields(Params))
    return {
        field.name: list(value) if isinstance(value, tuple) else value
        for field, value in values
        if value != field.default or type(value) is not type(field.default)
    }


def _drop_empty(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: null, false, "", [] and {}; a zero is a value."""
    return {
        key: value
        for key, value in values.items()
        if value not in _EMPTY_VALUES or type(value) in (int, float)
    }


_EMPTY_VALUES: tuple[Any, ...] = (None, False, "", (), [], {})


def _sort_keys(value: Any) -> Any:
    """The value with the names of its objects in order, however the database gave them."""
    if isinstance(value, dict):
        return {key: _sort_keys(value[key]) for key in sorted(value)}
    return [_sort_keys(one) for one in value] if isinstance(value, list) else value
