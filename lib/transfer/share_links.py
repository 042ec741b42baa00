"""Share links: read-only snapshots of a path or of a prompt, created and revoked by their owner."""

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
from lib.core.conversation import Conversation, FilePart, Message, Node, OtherPart, Part, ThinkingPart, new_id
from lib.core.errors import ConversationNotFound, TransferError
from lib.core.prompts import Prompt, PromptLink
from lib.core.usage import Audience, ShareLink
from lib.transfer import prompt_files

_TOKEN_PATTERN = re.compile(r"[\w-]{32}", re.ASCII)


class ShareLinkStore(Protocol):
    """Storage of snapshots; each method may raise StoreError."""

    def add(self, owner: str, share_link: ShareLink, token_hash: str, snapshot: Mapping[str, Any]) -> bool: ...
    def snapshot(self, token_hash: str, *, is_signed_in: bool = True) -> Mapping[str, Any] | None: ...


class PromptLinkStore(Protocol):
    """Storage of snapshots of prompts; each method may raise StoreError."""

    def add_link(self, owner: str, link: PromptLink, token_hash: str, snapshot: Mapping[str, Any]) -> bool: ...
    def snapshot(self, token_hash: str) -> Mapping[str, Any] | None: ...


def create_share_link(
    store: ShareLinkStore, owner: str, conversation: Conversation, path: Sequence[Node], audience: Audience = "team"
) -> str:
    """Save a snapshot of the path for an audience. Returns its token, of which only a hash is stored.

    Raises ConversationNotFound if the owner has no such conversation (any more), and StoreError.
    """
    token = secrets.token_urlsafe(24)
    share = ShareLink(new_id(), conversation.id, conversation.title, time.time(), audience)
    if not store.add(owner, share, _hash_token(token), _build_snapshot(conversation, path)):
        raise ConversationNotFound
    return token


def read_share_link(
    store: ShareLinkStore, token: str, *, is_signed_in: bool = True
) -> tuple[Conversation, list[Node]] | None:
    """Return the snapshot for a token; None if it does not exist (any more) for this reader. Raises StoreError."""
    if not _TOKEN_PATTERN.fullmatch(token):
        return None
    snapshot = store.snapshot(_hash_token(token), is_signed_in=is_signed_in)
    if snapshot is None:
        return None
    try:
        conversation, nodes = transfer.parse_export(json.dumps(snapshot).encode()).conversations[0]
    except (TransferError, IndexError):
        return None
    return conversation, tree.path(nodes, conversation.head_id)


def copy_snapshot(snapshot: tuple[Conversation, Sequence[Node]]) -> tuple[Conversation, list[Node]]:
    """Return what a reader of a snapshot has seen as a conversation of their own, to be continued."""
    shared, path = snapshot
    now = time.time()
    # What is stored may be more than what is shown, in a snapshot of another version.
    # Times of their own, in this order: they sort the messages.
    times = (now + index / 1000 for index in range(len(path)))
    nodes = tree.copy_path(replace(_strip_private_data(node), created_at=next(times)) for node in path)
    target = next((node.target for node in reversed(nodes) if node.target), None)
    own = Conversation(
        new_id(),
        shared.title,
        now,
        head_id=nodes[-1].id if nodes else None,
        target=target,
        created_at=now,
        title_source="person",
    )
    return own, nodes


def create_prompt_link(store: PromptLinkStore, owner: str, prompt: Prompt) -> str:
    """Save a snapshot of an entry of the prompt library. Returns its token, "" if the entry is gone.

    Raises StoreError.
    """
    token = secrets.token_urlsafe(24)
    snapshot = json.loads(b"".join(transfer.write_export([], [replace(prompt, id="")])))
    link = PromptLink(new_id(), prompt.id, time.time())
    return token if store.add_link(owner, link, _hash_token(token), snapshot) else ""


def read_prompt_link(store: PromptLinkStore, token: str) -> list[Prompt]:
    """Return the entry behind a token; [] if it does not exist (any more). Raises StoreError."""
    snapshot = store.snapshot(_hash_token(token)) if _TOKEN_PATTERN.fullmatch(token) else None
    try:
        return prompt_files.parse_prompts(snapshot) if snapshot is not None else []
    except TransferError:
        return []


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _build_snapshot(conversation: Conversation, path: Sequence[Node]) -> Mapping[str, Any]:
    """Return the shared part of a path, without system prompt, thinking, files and gateway metadata."""
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
    parts = tuple(_to_shared(part) for part in node.message.parts if not isinstance(part, ThinkingPart))
    stripped = Node(node.id, node.parent_id, Message(node.message.role, parts), node.created_at)
    persona = replace(node.persona, prompt_id="") if node.persona else None
    return replace(stripped, outcome=node.outcome, target=node.target, persona=persona)


def _to_shared(part: Part) -> Part:
    """Return a part as readers see it: files stay with their owner, also their digests, and are only named."""
    return OtherPart("file", part.name) if isinstance(part, FilePart) else part
