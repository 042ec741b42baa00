"""A conversation of another chat's file, and the conversation that is built of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, Part, TextPart
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer.message_tree import TreeMessage, build_tree, merge_parts, newest_leaf_id
from lib.transfer.result import ConversationRecord, derive_id
from lib.transfer.values import clean_line, parse_timestamp

MAX_QUESTION_TITLE_CHARS = 60
# An id that begins so stands for the parent of a first message (Claude, LibreChat).
_ROOT_PARENT_PREFIX = "00000000-0000-"
# Kinds of dropped content that a reader would look for in the message.
_VISIBLE_KINDS = ("image", "file", "audio")
# Kinds that stand between an answer's texts, and for the answer where nothing else of it is left.
_SILENT_KINDS = ("tool", "other")


@dataclass(frozen=True)
class ImportedMessage:
    """A message under the ids of its file; without a role it only keeps its place in the tree.

    `created` is as `parse_timestamp` takes it, `dropped_kinds` are the kinds of content that Antler has no place
    for. Only an answer's target, outcome and failure count.
    """

    id: str
    parent_id: str
    created: Any = None
    role: Literal["user", "assistant"] | None = None
    parts: Sequence[Part] = ()
    dropped_kinds: Sequence[str] = ()
    target: Target | None = None
    outcome: Outcome = Outcome.COMPLETE
    failure: Failure | None = None


@dataclass(frozen=True)
class ImportedConversation:
    """A conversation under the ids of its file, with its messages in the file's order."""

    source: str
    id: str
    title: str
    messages: Sequence[ImportedMessage]
    head_id: str = ""
    created: Any = None
    updated: Any = None
    target: Target | None = None
    system: str = ""
    pinned: bool = False
    archived: bool = False


def build_record(imported: ImportedConversation, issues: Counter[str]) -> ConversationRecord | None:
    """Build the conversation, with ids that are always the same for the same file; None without messages.

    A missing title is made of the first question, a missing head is the branch that was added last.
    """
    conversation_created = parse_timestamp(imported.created)
    conversation_updated = parse_timestamp(imported.updated)
    messages = [_build_message(message, imported, issues) for message in imported.messages]
    tree = build_tree(messages, conversation_created or conversation_updated or 0.0, issues)
    if not tree.nodes:
        issues["empty"] += 1
        return None
    times = [node.created_at for node in tree.nodes]
    targets = [node.target for node in tree.nodes if node.target]
    title = clean_line(imported.title).strip()
    question = " ".join(tree.nodes[0].message.text.split())
    return Conversation(
        id=derive_id(imported.source, imported.id),
        title=title or clean_line(question, MAX_QUESTION_TITLE_CHARS),
        title_source="model" if title else "question",
        created_at=conversation_created or min(times),
        updated_at=conversation_updated or max(times),
        head_id=tree.node_ids.get(imported.head_id) or newest_leaf_id(tree.nodes),
        target=targets[-1] if targets else imported.target,
        params=Params(system=imported.system),
        pinned=imported.pinned,
        archived=imported.archived,
    ), tree.nodes


def _build_message(message: ImportedMessage, conversation: ImportedConversation, issues: Counter[str]) -> TreeMessage:
    """Build a node. A message without remaining content names the dropped kinds, e.g. "[image]"."""
    issues.update(message.dropped_kinds)
    is_root = not message.parent_id or message.parent_id.startswith(_ROOT_PARENT_PREFIX)
    parent_id = None if is_root else message.parent_id
    created = parse_timestamp(message.created)
    parts = merge_parts(message.parts)
    visible_kinds = [kind for kind in message.dropped_kinds if kind in _VISIBLE_KINDS]
    if not parts and visible_kinds:
        parts = (TextPart(" ".join(f"[{kind}]" for kind in dict.fromkeys(visible_kinds))),)
    lost_kind = next((kind for kind in message.dropped_kinds if kind in _SILENT_KINDS), "")
    is_lost = not (parts or message.failure)
    if message.role is None or is_lost and not (lost_kind and message.role == "assistant"):
        return TreeMessage(message.id, parent_id, None, created)
    parts = parts or (TextPart(f"[{lost_kind}]"),) * is_lost
    node_id = derive_id(conversation.source, conversation.id, message.id)
    node = Node(node_id, None, Message(message.role, parts), 0.0)
    if message.role == "assistant":
        node = replace(node, outcome=message.outcome, target=message.target, failure=message.failure)
    return TreeMessage(message.id, parent_id, node, created, is_placeholder=is_lost)
