"""What an import gives: Loaded, Report, and the ids under which it can be kept."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.core.conversation import Conversation, Node, new_id

ConversationRecord = tuple[Conversation, list[Node]]


@dataclass(frozen=True)
class ImportReport:
    """What came of a file: `skipped` counts what was left out or mended, by code.

    `source` is the format that was found. `renamed_ids` counts the conversations and messages that were
    given new ids, because theirs were taken.
    """

    source: str
    conversation_count: int
    message_count: int
    issues: Mapping[str, int]
    replaced_id_count: int = 0


@dataclass(frozen=True)
class ImportResult:
    """The conversations of a file, each with its nodes: parents first, siblings oldest first."""

    conversations: Sequence[ConversationRecord]
    report: ImportReport


def replace_existing_ids(
    result: ImportResult, existing_ids: Callable[[Iterable[str]], set[str]]
) -> ImportResult:
    """The same conversations, with a new id for each conversation and node whose id is taken.

    `taken` is asked once, with all ids, and tells those that anybody has: an import creates, and never
    writes over what is there.
    """
    used = existing_ids([one for entry in result.conversations for one in record_ids(entry)])
    kept, count = [], 0
    for conversation, nodes in result.conversations:
        name = new_id() if conversation.id in used else conversation.id
        names = {node.id: new_id() for node in nodes if node.id in used}
        count += (name != conversation.id) + len(names)
        kept.append(replace_ids((conversation, nodes), name, names))
    return ImportResult(
        kept, replace(result.report, replaced_id_count=result.report.replaced_id_count + count)
    )


def record_ids(record: ConversationRecord) -> list[str]:
    """The conversation's id, and those of its nodes."""
    return [record[0].id, *(node.id for node in record[1])]


def replace_ids(
    record: ConversationRecord, conversation_id: str, node_ids: Mapping[str, str]
) -> ConversationRecord:
    """The conversation as `name`, and its nodes with new names, in every place where they are named."""
    conversation, nodes = record
    if conversation_id == conversation.id and not node_ids:
        return record
    window = conversation.truncation
    head = conversation.head_id
    return replace(
        conversation,
        id=conversation_id,
        head_id=node_ids.get(head, head) if head else head,
        truncation=replace(window, start=node_ids.get(window.start, window.start)) if window else None,
    ), [
        replace(
            node,
            id=node_ids.get(node.id, node.id),
            parent_id=node_ids.get(node.parent_id, node.parent_id) if node.parent_id else node.parent_id,
        )
        for node in nodes
    ]


def derive_id(*keys: str) -> str:
    """An id of the form of `new_id` that is always the same for the same words."""
    return urlsafe_b64encode(hashlib.sha256(json.dumps(keys).encode()).digest()[:12]).decode()
