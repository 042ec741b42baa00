"""Share links: read-only snapshots of a path, created and revoked by their owner."""

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
from lib.core.conversation import Conversation, Message, Node, ThinkingPart, new_id
from lib.core.errors import ConversationNotFound, TransferError
from lib.core.usage import ShareLink

_TOKEN_PATTERN = re.compile(r"[\w-]{32}", re.ASCII)


class ShareLinkStore(Protocol):
    """Storage of snapshots; each method may raise StoreError."""

    def add(self, owner: str, share_link: ShareLink, token_hash: str, snapshot: Mapping[str, Any]) -> bool: ...
    def snapshot(self, token_hash: str) -> Mapping[str, Any] | None: ...


def create_share_link(store: ShareLinkStore, owner: str, conversation: Conversation, path: Sequence[Node]) -> str:
    """Save a snapshot of the path. Returns its token, of which only a hash is stored.

    Raises ConversationNotFound if the owner has no such conversation (any more), and StoreError.
    """
    token = secrets.token_urlsafe(24)
    share = ShareLink(new_id(), conversation.id, conversation.title, time.time())
    if not store.add(owner, share, _hash_token(token), _build_snapshot(conversation, path)):
        raise ConversationNotFound
    return token


def read_share_link(store: ShareLinkStore, token: str) -> tuple[Conversation, list[Node]] | None:
    """Return the snapshot for a token; None if it does not exist (any more). Raises StoreError."""
    snapshot = store.snapshot(_hash_token(token)) if _TOKEN_PATTERN.fullmatch(token) else None
    if snapshot is None:
        return None
    try:
        conversation, nodes = transfer.parse_export(json.dumps(snapshot).encode()).conversations[0]
    except (TransferError, IndexError):
        return None
    return conversation, tree.path(nodes, conversation.head_id)


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _build_snapshot(conversation: Conversation, path: Sequence[Node]) -> Mapping[str, Any]:
    """Return the shared part of a path, without system prompt, thinking and gateway metadata."""
    nodes = tree.copy_path(map(_strip_private_data, path))
    shared = Conversation(
        new_id(),
        conversation.title,
        time.time(),
        head_id=nodes[-1].id if nodes else None,
        created_at=conversation.created_at,
    )
    snapshot: Mapping[str, Any] = json.loads(b"".join(transfer.write_export([(shared, nodes)])))
    return snapshot


def _strip_private_data(node: Node) -> Node:
    parts = tuple(part for part in node.message.parts if not isinstance(part, ThinkingPart))
    stripped = Node(node.id, node.parent_id, Message(node.message.role, parts), node.created_at)
    return replace(stripped, outcome=node.outcome, target=node.target)
