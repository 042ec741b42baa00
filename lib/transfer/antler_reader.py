"""Reader of Antler's own file format; a field of another type is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, get_args

from msgspec.structs import asdict

from lib.core.comparisons import MAX_COLUMNS, MAX_PROMPT_CHARS, Choice, Column, Comparison, Origin, Vote
from lib.core.conversation import (
    MAX_FEEDBACK_CHARS,
    Conversation,
    Failure,
    Feedback,
    FileKind,
    FilePart,
    Message,
    Node,
    Outcome,
    Part,
    Rating,
    Timing,
    TitleSource,
    Truncation,
    Usage,
    new_id,
)
from lib.core.errors import AnswerError, TransferError, UnexpectedError
from lib.core.file_storage import DIGEST_PATTERN
from lib.core.images import IMAGE_TYPES
from lib.core.params import FIELDS_BY_NAME, MAX_CHOICE_LENGTH, Params
from lib.core.projects import Project, build_project
from lib.core.prompts import MAX_NAME_CHARS, Persona, Prompt, build_prompt, clean_avatar
from lib.core.sanitize import sanitize_json
from lib.core.target import Target, is_wire
from lib.transfer.antler_schema import (
    FORMAT,
    FORMAT_VERSION,
    PARAMS_SCHEMA,
    PART_CLASSES,
    PART_SCHEMA,
    PART_TYPES,
    ColumnSchema,
    ComparisonSchema,
    ConversationSchema,
    FailureSchema,
    FeedbackSchema,
    FilePartSchema,
    FileSchema,
    HeaderSchema,
    NodeSchema,
    PartSchema,
    PersonaSchema,
    ProjectSchema,
    PromptSchema,
    StoredFileSchema,
    TargetSchema,
    VoteSchema,
    decode,
)
from lib.transfer.message_tree import TreeMessage, build_tree, newest_leaf_id
from lib.transfer.result import ConversationRecord, derive_id
from lib.transfer.values import MAX_TIMESTAMP, clean_line

NAME = FORMAT

_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,32}")
_MAX_METADATA_DEPTH = 8  # deeper than any stored gateway metadata


def can_parse(document: Any) -> bool:
    """Check for a file of this format, of any version."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def parse_records(document: dict[str, Any], issues: Counter[str]) -> Iterator[ConversationRecord]:
    """Yield the conversations of the file, exactly as they were written.

    Fields of later versions are passed over and counted, as are repairs. Raises TransferError for a later
    major version, and for a field of another type.
    """
    check_version(document)
    for index, value in enumerate(decode(document, FileSchema, "", issues).conversations):
        conversation, nodes = _RecordReader(f"conversations[{index}]", issues).read_record(value)
        yield replace(conversation, comparison_id=None), nodes


def parse_columns(
    document: dict[str, Any], issues: Counter[str], comparison_ids: Collection[str]
) -> Iterator[ConversationRecord]:
    """Yield the columns of comparisons in a file of a known version, as `parse_records` does its conversations.

    One of no comparison is a conversation like any other, and counted.
    """
    for index, value in enumerate(decode(document, FileSchema, "", Counter()).columns):
        conversation, nodes = _RecordReader(f"columns[{index}]", issues).read_record(value)
        is_known = conversation.comparison_id in comparison_ids
        issues["unknown"] += not is_known
        yield conversation if is_known else replace(conversation, comparison_id=None), nodes


def parse_comparisons(document: dict[str, Any], issues: Counter[str]) -> list[Comparison]:
    """Return the comparisons in a file of a known version.

    Those without a column, or with an id that occurs twice, are left out and counted. Raises TransferError for a field
    of another type.
    """
    comparisons: dict[str, Comparison] = {}
    for index, value in enumerate(decode(document, FileSchema, "", Counter()).comparisons):
        comparison = _RecordReader(f"comparisons[{index}]", issues).read_comparison(value)
        issues["comparison"] += comparison is None or comparison.id in comparisons
        if comparison:
            comparisons.setdefault(comparison.id, comparison)
    return list(comparisons.values())


def check_version(document: dict[str, Any]) -> None:
    """Raise TransferError for a later major version."""
    version = decode(document, HeaderSchema, "", Counter()).version
    if version > FORMAT_VERSION:
        raise TransferError("newer", str(version))


def parse_prompts(document: dict[str, Any], issues: Counter[str]) -> list[Prompt]:
    """Return the entries of the prompt library in a file of a known version.

    Entries of an unknown kind, without a name or a text, or with too long a text are left out and counted. Raises
    TransferError for a field of another type.
    """
    values = decode(document, FileSchema, "", Counter()).prompts
    prompts = (_RecordReader(f"prompts[{n}]", issues).read_prompt(value) for n, value in enumerate(values))
    return [prompt for prompt in prompts if prompt]


def parse_projects(document: dict[str, Any], issues: Counter[str]) -> list[Project]:
    """Return the settings of folders in a file of a known version.

    Those without a name, with too long instructions, or for a folder a second time are left out and counted. Raises
    TransferError for a field of another type.
    """
    values = decode(document, FileSchema, "", Counter()).projects
    projects: dict[str, Project] = {}
    for index, value in enumerate(values):
        project = _RecordReader(f"projects[{index}]", issues).read_project(value)
        issues["project"] += project is None or project.name in projects
        if project:
            projects.setdefault(project.name, project)
    return list(projects.values())


def parse_files(document: dict[str, Any], issues: Counter[str]) -> list[StoredFileSchema]:
    """Return the descriptions of the files of an archive. Raises TransferError for a field of another type."""
    values = decode(document, FileSchema, "", Counter()).files
    return [decode(value, StoredFileSchema, f"files[{index}]", issues) for index, value in enumerate(values)]


class _RecordReader:
    """Reader of one conversation, which counts what it repairs."""

    def __init__(self, location: str, issues: Counter[str]) -> None:
        self._location = location
        self._issues = issues

    def read_record(self, value: Any) -> ConversationRecord:
        schema = decode(value, ConversationSchema, self._location, self._issues)
        conversation = self._read_conversation(schema)
        messages = [self._read_message(node, index) for index, node in enumerate(schema.nodes or ())]
        tree = build_tree(self._replace_invalid_ids(messages), conversation.created_at, self._issues)
        head_id, truncation = conversation.head_id, conversation.truncation
        if head_id is not None:
            self._issues["head"] += head_id not in tree.node_ids
            head_id = tree.node_ids.get(head_id) or newest_leaf_id(tree.nodes)
        if truncation is not None:
            start = tree.node_ids.get(truncation.start_id, self._ensure_valid_id(truncation.start_id))
            truncation = replace(truncation, start_id=start)
        return replace(conversation, head_id=head_id, truncation=truncation), tree.nodes

    def read_comparison(self, value: Any) -> Comparison | None:
        schema = decode(value, ComparisonSchema, self._location, self._issues)
        columns = [column for item in schema.columns or () if (column := self._read_column(item))]
        if not columns or len(columns) > MAX_COLUMNS:
            return None
        vote, origin = self._read_vote(schema.vote, len(columns)), schema.origin
        self._issues["unknown"] += vote is None and schema.vote is not None
        return Comparison(
            self._ensure_valid_id(schema.id),
            schema.prompt[:MAX_PROMPT_CHARS],
            self._timestamp(schema.created_at) or 0.0,
            tuple(columns),
            schema.is_blind,
            vote,
            Origin(*map(self._ensure_valid_id, (origin.conversation_id, origin.question_id))) if origin else None,
        )

    def _read_column(self, schema: ColumnSchema) -> Column | None:
        """Read a column; None without a target."""
        target = self._read_target(schema.target)
        conversation_id, question_id = map(self._ensure_valid_id, (schema.conversation_id, schema.question_id))
        return Column(conversation_id, question_id, target, self._read_params(schema.params)) if target else None

    @staticmethod
    def _read_vote(schema: VoteSchema | None, column_count: int) -> Vote | None:
        """Read a vote; None for an unknown choice, and for a best column that is none."""
        choice = next((choice for choice in get_args(Choice) if schema and choice == schema.choice), None)
        column = schema.column if schema and choice == "best" else None
        is_valid = choice != "best" or (column is not None and column < column_count)
        return Vote(choice, column) if choice and is_valid else None

    def read_prompt(self, value: Any) -> Prompt | None:
        schema = decode(value, PromptSchema, self._location, self._issues)
        prompt = build_prompt(
            schema.kind,
            schema.name,
            schema.text,
            schema.description,
            id=self._ensure_valid_id(schema.id) if schema.id else new_id(),
            avatar=clean_avatar(schema.avatar),
            greeting=schema.greeting,
            suggestions=schema.suggestions,
            target=self._read_target(schema.target),
            params=self._read_params(schema.params),
            created_at=self._timestamp(schema.created_at) or 0.0,
            updated_at=self._timestamp(schema.updated_at) or 0.0,
        )
        self._issues["prompt"] += prompt is None
        return prompt

    def read_project(self, value: Any) -> Project | None:
        schema = decode(value, ProjectSchema, self._location, self._issues)
        project = build_project(
            schema.name,
            schema.instructions,
            target=self._read_target(schema.target),
            params=self._read_params(schema.params),
            created_at=self._timestamp(schema.created_at) or 0.0,
            updated_at=self._timestamp(schema.updated_at) or 0.0,
        )
        # As in conversations.
        return replace(project, name=self._line(schema.name)) if project else None

    def _read_conversation(self, schema: ConversationSchema) -> Conversation:
        """Read all but the nodes; the ids of the head and of the truncation's start stay the file's."""
        sources = get_args(TitleSource)
        self._issues["unknown"] += schema.title_source not in ("", *sources)
        return Conversation(
            id=self._ensure_valid_id(schema.id),
            title=self._line(schema.title),
            title_source=next((source for source in sources if source == schema.title_source), "question"),
            created_at=self._timestamp(schema.created_at) or 0.0,
            updated_at=self._timestamp(schema.updated_at) or 0.0,
            head_id=schema.head_id or None,
            target=self._read_target(schema.target),
            params=self._read_params(schema.params),
            folder=self._line(schema.folder),
            pinned=schema.pinned,
            archived=schema.archived,
            truncation=Truncation(**asdict(schema.truncation)) if schema.truncation else None,
            persona=self._read_persona(schema.persona),
            comparison_id=self._ensure_valid_id(schema.comparison_id) if schema.comparison_id else None,
        )

    def _read_persona(self, schema: PersonaSchema | None) -> Persona | None:
        """Read a persona; a name that is too long for one is cut, and counted."""
        if schema is None or not schema.name.strip():
            return None
        name = clean_line(schema.name, MAX_NAME_CHARS).strip()
        self._issues["line"] += name != schema.name
        prompt_id = schema.prompt_id if _ID_PATTERN.fullmatch(schema.prompt_id) else ""
        return Persona(name, clean_avatar(schema.avatar), prompt_id)

    def _read_message(self, schema: NodeSchema, index: int) -> TreeMessage:
        location = f"{self._location}.nodes[{index}].parts"
        parts = [self._read_part(part, f"{location}[{n}]") for n, part in enumerate(schema.parts)]
        node = Node(
            id=schema.id,
            parent_id=None,
            message=Message(schema.role, tuple(part for part in parts if part)),
            created_at=0.0,
            outcome=self._read_outcome(schema.outcome),
            finish_reason=schema.finish_reason,
            target=self._read_target(schema.target),
            usage=Usage(**asdict(schema.usage)) if schema.usage else Usage(),
            timing=Timing(**asdict(schema.timing)) if schema.timing else Timing(),
            failure=self._read_failure(schema.failure),
            request_id=schema.request_id,
            provider_metadata=sanitize_json(schema.provider_metadata, _MAX_METADATA_DEPTH),
            feedback=self._read_feedback(schema.feedback) if schema.role == "assistant" else None,
            persona=self._read_persona(schema.persona),
        )
        return TreeMessage(schema.id, schema.parent_id or None, node, self._timestamp(schema.created_at))

    def _read_part(self, value: Any, location: str) -> Part | None:
        part_type = value.get("type") if isinstance(value, dict) else None
        if isinstance(part_type, str) and part_type not in PART_TYPES:
            self._issues["part"] += 1
            return None
        part: PartSchema = decode(value, PART_SCHEMA, location, self._issues)
        if isinstance(part, FilePartSchema):
            return self._read_file_part(part)
        part_class = next(known for known, schema in PART_CLASSES.items() if schema is type(part))
        return part_class(**asdict(part))

    def _read_file_part(self, schema: FilePartSchema) -> Part | None:
        """Read a file of a message; one without a digest is left out, and counted."""
        if not DIGEST_PATTERN.fullmatch(schema.digest):
            self._issues["part"] += 1
            return None
        kind = next((kind for kind in get_args(FileKind) if kind == schema.kind), None)
        # Nothing but these is shown as an image.
        if kind == "image" and schema.media_type not in IMAGE_TYPES:
            kind = None
        self._issues["unknown"] += kind is None
        fields = {**asdict(schema), "kind": kind or "document", "name": self._line(schema.name)}
        return FilePart(**fields)

    def _read_outcome(self, name: str) -> Outcome:
        if name and name not in set(Outcome) - {Outcome.ARRIVING}:
            self._issues["unknown"] += 1
            return Outcome.INTERRUPTED
        return Outcome(name or Outcome.COMPLETE)

    def _read_target(self, schema: TargetSchema | None) -> Target | None:
        if schema is None:
            return None
        model = self._line(schema.model)
        if model and is_wire(schema.wire):
            return Target(model, schema.wire)
        self._issues["unknown"] += 1
        return None

    def _read_failure(self, schema: FailureSchema | None) -> Failure | None:
        if schema is None:
            return None
        failure = Failure(**asdict(schema))
        if failure.code in _error_codes(AnswerError):
            return failure
        self._issues["unknown"] += 1
        return replace(failure, code=UnexpectedError.code)

    def _read_feedback(self, schema: FeedbackSchema | None) -> Feedback | None:
        if schema is None:
            return None
        rating = next((rating for rating in get_args(Rating) if rating == schema.rating), None)
        self._issues["unknown"] += rating is None
        return Feedback(rating, schema.comment[:MAX_FEEDBACK_CHARS]) if rating else None

    def _read_params(self, raw: dict[str, Any]) -> Params:
        """Read the set parameters; a value that no wire accepts is dropped and counted."""
        schema: Any = decode(raw, PARAMS_SCHEMA, f"{self._location}.params", self._issues)
        params: dict[str, Any] = {}
        for name, value in asdict(schema).items():
            param = FIELDS_BY_NAME[name]
            if value is None or value == "":
                continue
            ranges = param.ranges
            is_typed = param.accepts_others and len(value) <= MAX_CHOICE_LENGTH
            if (param.kind == "choice" and value not in param.choices and not is_typed) or (
                ranges and not min(r.minimum for r in ranges) <= value <= max(r.maximum for r in ranges)
            ):
                self._issues["setting"] += 1
            else:
                params[name] = value
        return Params(**params)

    def _line(self, text: str) -> str:
        line = clean_line(text)
        self._issues["line"] += line != text
        return line

    def _timestamp(self, value: float | None) -> float | None:
        if value is None or 0 <= value < MAX_TIMESTAMP:
            return None if value is None else float(value)
        self._issues["time"] += 1
        return None

    def _ensure_valid_id(self, candidate: str, used_ids: Collection[str] = ()) -> str:
        """Return an id of Antler's own form unchanged; derive an unused id from any other."""
        if _ID_PATTERN.fullmatch(candidate):
            return candidate
        self._issues["id"] += 1
        candidate = derive_id(candidate)
        while candidate in used_ids:
            candidate = derive_id(candidate)
        return candidate

    def _replace_invalid_ids(self, messages: list[TreeMessage]) -> list[TreeMessage]:
        used_ids = {message.id for message in messages}
        return [
            replace(message, node=replace(message.node, id=self._ensure_valid_id(message.id, used_ids)))
            for message in messages
            if message.node
        ]


def _error_codes(error_type: type[AnswerError]) -> set[str]:
    return {error_type.code}.union(*map(_error_codes, error_type.__subclasses__()))
