"""A conversation as another chat's file has it, and what is made of it here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, Part, TextPart
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer.coerce import as_line, merge_parts
from lib.transfer.message_tree import ImportedMessage, build_tree, newest_leaf_id
from lib.transfer.result import ConversationRecord, derive_id

MAX_TITLE_CHARS = 60  # letters of a title that is made of the first question


@dataclass(frozen=True)
class MessageContent:
    """One message of the file; `lost` are the kinds of what it had and Antler has no place for."""

    role: Literal["user", "assistant"]
    parts: Sequence[Part]
    dropped_kinds: Sequence[str] = ()
    target: Target | None = None
    outcome: Outcome = Outcome.COMPLETE
    failure: Failure | None = None


@dataclass(frozen=True)
class ImportedConversation:
    """A conversation under the ids of its file; None and "" where that does not say.

    `seeds` come in the order of the file, and `head` names one of them.
    """

    source: str
    id: str
    title: str
    messages: Sequence[ImportedMessage]
    head: str | None = None
    created: float | None = None
    updated: float | None = None
    target: Target | None = None
    system: str = ""
    pinned: bool = False
    archived: bool = False


def build_message(
    message_id: str, parent: str | None, content: MessageContent | None, created: float | None
) -> ImportedMessage:
    """A message in its place. One whose words are all lost names what it had, e.g. "[image]"."""
    if content is None:
        return ImportedMessage(message_id, parent, None, created)
    parts = merge_parts(content.parts)
    if not parts and content.dropped_kinds:
        parts = (TextPart(" ".join(f"[{kind}]" for kind in dict.fromkeys(content.dropped_kinds))),)
    if not parts and not content.failure:
        return ImportedMessage(message_id, parent, None, created)
    message = Message(content.role, parts)
    return ImportedMessage(
        message_id,
        parent,
        Node(message_id, None, message, 0.0, content.outcome, target=content.target, failure=content.failure),
        created,
    )


def build_record(imported: ImportedConversation, issues: Counter[str]) -> ConversationRecord | None:
    """The conversation with ids of our own form, always the same for the same file; None without messages.

    A title that is missing is made of the first question, a head is the branch that was added last.
    """

    def own(name: str) -> str:
        return derive_id(imported.source, imported.id, name)

    seeds = [
        replace(one, node=replace(one.node, id=own(one.id)) if one.node else None)
        for one in imported.messages
    ]
    tree = build_tree(seeds, imported.created or imported.updated or 0.0, issues)
    if not tree.nodes:
        issues["empty"] += 1
        return None
    times = [node.created_at for node in tree.nodes]
    targets = [node.target for node in tree.nodes if node.target]
    title = as_line(imported.title).strip()
    return Conversation(
        id=derive_id(imported.source, imported.id),
        title=title or _title_from_question(tree.nodes),
        title_source="model" if title else "question",
        created_at=imported.created or min(times),
        updated_at=imported.updated or max(times),
        head_id=tree.node_ids.get(imported.head or "") or newest_leaf_id(tree.nodes),
        target=targets[-1] if targets else imported.target,
        params=Params(system=imported.system),
        pinned=imported.pinned,
        archived=imported.archived,
    ), tree.nodes


def _title_from_question(nodes: Sequence[Node]) -> str:
    return as_line(" ".join(nodes[0].message.text.split()), MAX_TITLE_CHARS)
