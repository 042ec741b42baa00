"""Writing of Antler's own file, as docs/format.md describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

import msgspec

from lib.core.conversation import Conversation, Failure, Node, Outcome, Timing, Truncation, Usage
from lib.core.params import changed_params
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target
from lib.core.tree import sort_nodes
from lib.transfer.antler_schema import (
    FORMAT,
    FORMAT_VERSION,
    PART_CLASSES,
    ConversationSchema,
    FailureSchema,
    NodeSchema,
    TargetSchema,
    TimingSchema,
    TruncationSchema,
    UsageSchema,
)
from lib.transfer.message_tree import newest_leaf_id
from lib.transfer.result import ConversationRecord

SchemaT = TypeVar("SchemaT", bound=msgspec.Struct)


def write_export(records: Iterable[ConversationRecord]) -> Iterator[bytes]:
    """Yield the file in chunks: one line for each conversation, in the order given.

    An arriving answer is written as interrupted, a soft-deleted node is not written. The same conversations
    always give the same bytes.
    """
    yield f'{{\n"format": "{FORMAT}",\n"version": {FORMAT_VERSION},\n"conversations": ['.encode()
    separator = "\n"
    for conversation, nodes in records:
        # Not msgspec's own encoder: it writes some numbers in other digits, and bytes must stay the same.
        schema = msgspec.to_builtins(_build_conversation(conversation, nodes))
        line = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        yield replace_surrogates(f"{separator}{line}").encode()
        separator = ",\n"
    yield b"\n]\n}\n"


def _build_conversation(conversation: Conversation, nodes: Sequence[Node]) -> ConversationSchema:
    visible = sort_nodes(node for node in nodes if node.deleted_at is None)
    head_id, changed = conversation.head_id, changed_params(conversation.params)
    if head_id is not None and all(node.id != head_id for node in visible):
        head_id = newest_leaf_id(visible)
    return ConversationSchema(
        id=conversation.id,
        title=conversation.title,
        title_source=conversation.title_source,
        created_at=float(conversation.created_at),
        updated_at=float(conversation.updated_at),
        head_id=head_id or "",
        target=_to_schema(conversation.target, TargetSchema),
        params={name: value for name, value in asdict(conversation.params).items() if name in changed},
        folder=conversation.folder,
        pinned=conversation.pinned,
        archived=conversation.archived,
        truncation=_to_schema(conversation.truncation, TruncationSchema),
        nodes=list(map(_build_node, visible)),
    )


def _build_node(node: Node) -> NodeSchema:
    outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
    return NodeSchema(
        id=node.id,
        parent_id=node.parent_id or "",
        role=node.message.role,
        parts=[PART_CLASSES[type(part)](**asdict(part)) for part in node.message.parts],
        created_at=float(node.created_at),
        outcome="" if outcome is Outcome.COMPLETE else outcome.value,
        finish_reason=node.finish_reason,
        target=_to_schema(node.target, TargetSchema),
        usage=_to_schema(node.usage, UsageSchema),
        timing=_to_schema(node.timing, TimingSchema),
        failure=_to_schema(node.failure, FailureSchema),
        request_id=node.request_id,
        # Sorted, because the order of the keys depends on the database.
        provider_metadata=json.loads(json.dumps(dict(node.provider_metadata), sort_keys=True)),
    )


def _to_schema(value: Target | Truncation | Usage | Timing | Failure | None, schema: type[SchemaT]) -> SchemaT | None:
    """Copy a value's fields into the struct of the file; None where all of them are None."""
    values = {name: item for name, item in asdict(value).items() if name in schema.__struct_fields__} if value else {}
    return schema(**values) if any(item is not None for item in values.values()) else None
