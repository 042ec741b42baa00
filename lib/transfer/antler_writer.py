"""Antler's own file: what docs/format.md describes, written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from lib.core.conversation import Conversation, Node, Outcome, Text, Thinking
from lib.core.params import Params
from lib.core.sanitize import whole
from lib.core.target import Target
from lib.transfer.message_tree import newest, ordered
from lib.transfer.result import Entry

FORMAT = "antler"
VERSION = 1


def write(conversations: Iterable[Entry]) -> Iterator[bytes]:
    """The file, piece by piece: one line for each conversation, in the order in which they come.

    An answer that is still arriving is written as interrupted, and a node that is marked as deleted is
    not written. The same conversations always give the same bytes.
    """
    yield f'{{\n"format": "{FORMAT}",\n"version": {VERSION},\n"conversations": ['.encode()
    gap = "\n"
    for conversation, nodes in conversations:
        line = json.dumps(_conversation(conversation, nodes), ensure_ascii=False, separators=(",", ":"))
        yield whole(f"{gap}{line}").encode()
        gap = ",\n"
    yield b"\n]\n}\n"


def _conversation(conversation: Conversation, nodes: Sequence[Node]) -> dict[str, Any]:
    kept = ordered(node for node in nodes if node.deleted is None)
    head = conversation.head
    window = conversation.window
    return _lean(
        {
            "id": conversation.id,
            "title": conversation.title,
            "titled": conversation.titled,
            "created": float(conversation.created),
            "updated": float(conversation.updated),
            "head": head if head is None or any(node.id == head for node in kept) else newest(kept),
            "target": _target(conversation.target),
            "params": _params(conversation.params),
            "folder": conversation.folder,
            "pinned": conversation.pinned,
            "archived": conversation.archived,
            "window": asdict(window) if window else None,
        }
    ) | {"nodes": list(map(_node, kept))}


def _node(node: Node) -> dict[str, Any]:
    outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
    return _lean(
        {
            "id": node.id,
            "parent": node.parent,
            "role": node.message.role,
            "parts": list(map(_part, node.message.parts)),
            "created": float(node.created),
            "outcome": None if outcome is Outcome.COMPLETE else outcome.value,
            "reason": node.reason,
            "target": _target(node.target),
            "usage": _lean(asdict(node.usage)),
            "timing": _lean(asdict(node.timing)),
            "failure": _lean(asdict(node.failure)) if node.failure else None,
            "request_id": node.request_id,
            "served": _sorted(dict(node.served)),
        }
    )


def _part(part: Text | Thinking) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return _lean({"type": "thinking", "text": part.text, "signature": part.signature, "sealed": part.sealed})


def _target(target: Target | None) -> dict[str, Any] | None:
    return {"model": target.model, "wire": target.wire} if target else None


def _params(params: Params) -> dict[str, Any]:
    """What is set; the type counts too, for 1 and 1.0 are sent as they are."""
    values = ((field, getattr(params, field.name)) for field in fields(Params))
    return {
        field.name: list(value) if isinstance(value, tuple) else value
        for field, value in values
        if value != field.default or type(value) is not type(field.default)
    }


def _lean(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: null, false, "", [] and {}; a zero is a value."""
    return {key: value for key, value in values.items() if value not in _EMPTY or type(value) in (int, float)}


_EMPTY: tuple[Any, ...] = (None, False, "", (), [], {})


def _sorted(value: Any) -> Any:
    """The value with the names of its objects in order, however the database gave them."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
