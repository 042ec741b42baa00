"""Models: what the gateway lists, and the wires each is reached over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lib.core.errors import Unreadable
from lib.core.types import WIRES, Wire

# Endpoint types of models that hold no chat.
_OTHER_USES = {"image-generation", "embeddings", "jina-rerank", "openai-video"}


@dataclass(frozen=True)
class Model:
    """A model that the key may use, and the wires it is offered over, the better one first."""

    id: str
    wires: tuple[Wire, ...]


def read(body: str) -> list[Model]:
    """The chat models of a `/v1/models` answer, in the gateway's order, each once.

    Raises Unreadable where the body is no such list.
    """
    try:
        payload = json.loads(body)
    except ValueError:
        raise Unreadable(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise Unreadable(body[:200])
    found: dict[str, Model] = {}
    for entry in data:
        name = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and _chats(entry):
            found.setdefault(name, Model(name, wires(name, entry.get("supported_endpoint_types"))))
    return list(found.values())


def wires(name: str, types: Any = None) -> tuple[Wire, ...]:
    """The wires of a model by the endpoint types that the gateway lists for it.

    Where it lists none of ours, both are offered: nothing says that one would be refused. Claude's own
    format comes first for Claude, OpenAI's for all others.
    """
    offered = [wire for wire in WIRES if isinstance(types, list) and wire in types] or list(WIRES)
    claude = name.rsplit("/", 1)[-1].lower().startswith("claude")
    return tuple(sorted(offered, key=lambda wire: (wire == "anthropic") != claude))


def _chats(entry: dict[str, Any]) -> bool:
    types = entry.get("supported_endpoint_types")
    return not (isinstance(types, list) and types and set(map(str, types)) <= _OTHER_USES)
