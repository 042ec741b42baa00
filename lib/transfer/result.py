"""Result of an import: conversations, a report, and the replacement of ids that are in use."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lib.core.comparisons import Column, Comparison, Origin
from lib.core.conversation import Conversation, Node, new_id
from lib.core.projects import Project
from lib.core.prompts import Prompt
from lib.transfer.antler_schema import StoredFileSchema

Reference = TypeVar("Reference", Column, Origin)
ConversationRecord = tuple[Conversation, list[Node]]


@dataclass(frozen=True)
class ImportReport:
    """Report of an import from the format `source`; `issues` counts dropped and repaired parts by code.

    `replaced_id_count` counts the conversations and messages with an id that was in use.
    """

    source: str
    conversation_count: int
    message_count: int
    issues: Mapping[str, int]
    replaced_id_count: int = 0


@dataclass(frozen=True)
class ImportResult:
    """The conversations of a file, each with its nodes: parents first, siblings oldest first; prompts and projects.

    `files` describe the files of an archive; `import_files` reads them. Conversations with a `comparison_id` are
    columns of the comparisons. `new_node_ids` are the ids of nodes by those of the file that they replace.
    """

    conversations: Sequence[ConversationRecord]
    report: ImportReport
    prompts: Sequence[Prompt] = ()
    projects: Sequence[Project] = ()
    files: Sequence[StoredFileSchema] = ()
    comparisons: Sequence[Comparison] = ()
    new_node_ids: Mapping[str, str] = field(default_factory=dict)


def replace_existing_ids(result: ImportResult, existing_ids: Callable[[Iterable[str]], set[str]]) -> ImportResult:
    """Replace the ids of conversations, comparisons and nodes that exist: an import creates, and never overwrites.

    `existing_ids` is called once, with all ids, and returns those that any user has.
    """
    comparison_ids = [comparison.id for comparison in result.comparisons]
    all_ids = [used for record in result.conversations for used in record_ids(record)]
    used_ids = existing_ids([*all_ids, *comparison_ids])
    new_comparison_ids = {used: new_id() for used in comparison_ids if used in used_ids}
    new_conversation_ids: dict[str, str] = {}
    new_node_ids: dict[str, str] = {}
    records = []
    for conversation, nodes in result.conversations:
        conversation_id = new_id() if conversation.id in used_ids else conversation.id
        node_ids = {node.id: new_id() for node in nodes if node.id in used_ids}
        new_conversation_ids |= {conversation.id: conversation_id} if conversation_id != conversation.id else {}
        new_node_ids |= node_ids
        comparison_id = new_comparison_ids.get(conversation.comparison_id or "", conversation.comparison_id)
        column = replace(conversation, comparison_id=comparison_id) if comparison_id else conversation
        records.append(replace_ids((column, nodes), conversation_id, node_ids))
    count = len(new_conversation_ids) + len(new_node_ids) + len(new_comparison_ids) + result.report.replaced_id_count
    return replace(
        result,
        conversations=records,
        comparisons=[
            replace(
                _replace_references(comparison, new_conversation_ids, new_node_ids),
                id=new_comparison_ids.get(comparison.id, comparison.id),
            )
            for comparison in result.comparisons
        ],
        report=replace(result.report, replaced_id_count=count),
        new_node_ids=new_node_ids,
    )


def _replace_references(
    comparison: Comparison, conversation_ids: Mapping[str, str], node_ids: Mapping[str, str]
) -> Comparison:
    """Let a comparison refer to the new ids of its conversations and questions."""

    def refer(place: Reference) -> Reference:
        conversation_id = conversation_ids.get(place.conversation_id, place.conversation_id)
        return replace(
            place, conversation_id=conversation_id, question_id=node_ids.get(place.question_id, place.question_id)
        )

    origin = refer(comparison.origin) if comparison.origin else None
    return replace(comparison, columns=tuple(map(refer, comparison.columns)), origin=origin)


def replace_existing_prompt_ids(
    prompts: Sequence[Prompt], existing_ids: Callable[[Sequence[str]], set[str]]
) -> list[Prompt]:
    """Replace the ids of prompts that exist, or that occur twice."""
    used_ids = existing_ids([prompt.id for prompt in prompts])
    distinct: list[Prompt] = []
    for prompt in prompts:
        distinct.append(replace(prompt, id=new_id()) if not prompt.id or prompt.id in used_ids else prompt)
        used_ids.add(distinct[-1].id)
    return distinct


def record_ids(record: ConversationRecord) -> list[str]:
    """List the conversation's id, and those of its nodes."""
    return [record[0].id, *(node.id for node in record[1])]


def replace_ids(record: ConversationRecord, conversation_id: str, node_ids: Mapping[str, str]) -> ConversationRecord:
    """Give a conversation and some of its nodes new ids, in all places that refer to them."""
    conversation, nodes = record
    if conversation_id == conversation.id and not node_ids:
        return record

    def new_node_id(node_id: str | None) -> str | None:
        return node_ids.get(node_id, node_id) if node_id else node_id

    truncation = conversation.truncation
    if truncation is not None:
        truncation = replace(truncation, start_id=node_ids.get(truncation.start_id, truncation.start_id))
    return replace(
        conversation, id=conversation_id, head_id=new_node_id(conversation.head_id), truncation=truncation
    ), [replace(node, id=node_ids.get(node.id, node.id), parent_id=new_node_id(node.parent_id)) for node in nodes]


def derive_id(*keys: str) -> str:
    """Derive an id of the form of `new_id` that is always the same for the same keys."""
    return urlsafe_b64encode(hashlib.sha256(json.dumps(keys).encode()).digest()[:12]).decode()
