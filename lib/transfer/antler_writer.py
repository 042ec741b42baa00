"""Writing of Antler's own file, as docs/format.md describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec

from lib.core.comparisons import Comparison, Origin, Vote
from lib.core.conversation import Conversation, Failure, Feedback, Node, Outcome, Timing, Truncation, Usage
from lib.core.params import Params, changed_params
from lib.core.projects import Project
from lib.core.prompts import Persona, Prompt
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target
from lib.core.tree import sort_nodes
from lib.transfer.antler_schema import (
    FORMAT,
    FORMAT_VERSION,
    PART_CLASSES,
    PLAIN_VERSION,
    ColumnSchema,
    ComparisonSchema,
    ConversationSchema,
    FailureSchema,
    FeedbackSchema,
    NodeSchema,
    OriginSchema,
    PersonaSchema,
    ProjectSchema,
    PromptSchema,
    StoredFileSchema,
    TargetSchema,
    TimingSchema,
    TruncationSchema,
    UsageSchema,
    VoteSchema,
)
from lib.transfer.message_tree import newest_leaf_id
from lib.transfer.result import ConversationRecord

SchemaT = TypeVar("SchemaT", bound=msgspec.Struct)
_Value = Vote | Origin | Target | Truncation | Usage | Timing | Failure | Feedback | Persona


def write_export(
    records: Iterable[ConversationRecord],
    prompts: Iterable[Prompt] = (),
    projects: Iterable[Project] = (),
    files: Iterable[StoredFileSchema] | None = None,
    comparisons: Iterable[Comparison] = (),
    columns: Iterable[ConversationRecord] = (),
) -> Iterator[bytes]:
    """Yield the file in chunks: one line for each conversation, comparison, prompt, project and file, in their order.

    An arriving answer is written as interrupted, a soft-deleted node is not written. The same conversations
    always give the same bytes. `columns` are the conversations of comparisons that are in no list. `files` are those of
    an archive; they are asked for after all conversations.
    """
    version = PLAIN_VERSION if files is None else FORMAT_VERSION
    yield f'{{\n"format": "{FORMAT}",\n"version": {version},\n"conversations": ['.encode()
    yield from _write_lines(_build_conversation(conversation, nodes) for conversation, nodes in records)
    lists: dict[str, Iterable[msgspec.Struct]] = {
        "columns": (_build_conversation(conversation, nodes) for conversation, nodes in columns),
        "comparisons": map(_build_comparison, comparisons),
        "prompts": map(_build_prompt, prompts),
        "projects": map(_build_project, projects),
        "files": files or (),
    }
    for name, schemas in lists.items():
        lines = _write_lines(schemas)
        if first := next(lines, b""):
            yield f'\n],\n"{name}": ['.encode() + first
            yield from lines
    yield b"\n]\n}\n"


def _write_lines(schemas: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    separator = "\n"
    for schema in schemas:
        # Not msgspec's own encoder: it writes some numbers in other digits, and bytes must stay the same.
        line = json.dumps(msgspec.to_builtins(schema), ensure_ascii=False, separators=(",", ":"))
        yield replace_surrogates(f"{separator}{line}").encode()
        separator = ",\n"


def _build_conversation(conversation: Conversation, nodes: Sequence[Node]) -> ConversationSchema:
    visible = sort_nodes(node for node in nodes if node.deleted_at is None)
    head_id = conversation.head_id
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
        params=_set_params(conversation.params),
        folder=conversation.folder,
        pinned=conversation.pinned,
        archived=conversation.archived,
        truncation=_to_schema(conversation.truncation, TruncationSchema),
        persona=_to_schema(conversation.persona, PersonaSchema),
        comparison_id=conversation.comparison_id or "",
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
        feedback=_to_schema(node.feedback, FeedbackSchema),
        persona=_to_schema(node.persona, PersonaSchema),
    )


def _build_comparison(comparison: Comparison) -> ComparisonSchema:
    return ComparisonSchema(
        id=comparison.id,
        prompt=comparison.prompt,
        created_at=float(comparison.created_at),
        is_blind=comparison.is_blind,
        vote=_to_schema(comparison.vote, VoteSchema),
        origin=_to_schema(comparison.origin, OriginSchema),
        columns=[
            ColumnSchema(
                column.conversation_id,
                column.question_id,
                _to_schema(column.target, TargetSchema),
                _set_params(column.params),
            )
            for column in comparison.columns
        ],
    )


def _build_prompt(prompt: Prompt) -> PromptSchema:
    return PromptSchema(
        id=prompt.id,
        kind=prompt.kind,
        name=prompt.name,
        description=prompt.description,
        avatar=prompt.avatar,
        text=prompt.text,
        greeting=prompt.greeting,
        suggestions=prompt.suggestions,
        target=_to_schema(prompt.target, TargetSchema),
        params=_set_params(prompt.params),
        created_at=float(prompt.created_at),
        updated_at=float(prompt.updated_at),
    )


def _build_project(project: Project) -> ProjectSchema:
    return ProjectSchema(
        name=project.name,
        instructions=project.instructions,
        target=_to_schema(project.target, TargetSchema),
        params=_set_params(project.params),
        created_at=float(project.created_at),
        updated_at=float(project.updated_at),
    )


def _set_params(params: Params) -> dict[str, Any]:
    changed = changed_params(params)
    return {name: value for name, value in asdict(params).items() if name in changed}


def _to_schema(value: _Value | None, schema: type[SchemaT]) -> SchemaT | None:
    """Copy a value's fields into the struct of the file; None where all of them are None."""
    values = {name: item for name, item in asdict(value).items() if name in schema.__struct_fields__} if value else {}
    return schema(**values) if any(item is not None for item in values.values()) else None
