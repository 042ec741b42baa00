"""A read-only snapshot of the shown path, behind a link that only its owner makes and takes back."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from lib import transfer
from lib.core import tree
from lib.core.conversation import Conversation, Message, Node, Text, new_id
from lib.core.errors import Gone, TransferError
from lib.core.usage import Share

_TOKEN = re.compile(r"[\w-]{32}", re.ASCII)


class Shelf(Protocol):
    """Where snapshots are kept; each method may raise StoreError."""

    def share(self, owner: str, share: Share, token_hash: str, snapshot: Mapping[str, Any]) -> bool: ...
    def shared(self, token_hash: str) -> Mapping[str, Any] | None: ...


def make(shelf: Shelf, owner: str, conversation: Conversation, path: Sequence[Node]) -> str:
    """Keep a snapshot of this path; returns the token that opens it and is kept nowhere.

    Raises Gone where the conversation is not the owner's (any more), and StoreError.
    """
    token = secrets.token_urlsafe(24)
    share = Share(new_id(), conversation.id, conversation.title, time.time())
    if not shelf.share(owner, share, _hash(token), _snapshot(conversation, path)):
        raise Gone
    return token


def read(shelf: Shelf, token: str) -> tuple[Conversation, list[Node]] | None:
    """The snapshot behind a token; None where there is none (any more). Raises StoreError."""
    kept = shelf.shared(_hash(token)) if _TOKEN.fullmatch(token) else None
    if kept is None:
        return None
    try:
        conversation, nodes = transfer.read(json.dumps(kept).encode()).conversations[0]
    except (TransferError, IndexError):
        return None
    return conversation, tree.path(nodes, conversation.head)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _snapshot(conversation: Conversation, path: Sequence[Node]) -> Mapping[str, Any]:
    """What a reader needs: who said what and when. No system prompt, no thinking, no facts of the gateway."""
    said = tree.copied(map(_bare, path))
    bare = Conversation(
        new_id(),
        conversation.title,
        time.time(),
        head=said[-1].id if said else None,
        created=conversation.created,
    )
    snapshot: Mapping[str, Any] = json.loads(b"".join(transfer.write([(bare, said)])))
    return snapshot


def _bare(node: Node) -> Node:
    parts = tuple(part for part in node.message.parts if isinstance(part, Text))
    told = Node(node.id, node.parent, Message(node.message.role, parts), node.created)
    return replace(told, outcome=node.outcome, target=node.target)
