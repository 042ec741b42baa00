"""Import of any file: detection of its format, and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from lib.core.comparisons import Comparison
from lib.core.errors import TransferError
from lib.core.projects import MAX_PROJECTS, Project
from lib.core.prompts import MAX_PROMPTS, Prompt
from lib.transfer import antler_reader, chatgpt, claude, librechat, openwebui
from lib.transfer.antler_schema import StoredFileSchema
from lib.transfer.archive import read_documents
from lib.transfer.imported import build_record
from lib.transfer.result import (
    ConversationRecord,
    ImportReport,
    ImportResult,
    derive_id,
    record_ids,
    replace_ids,
)

MAX_CONVERSATIONS = 50_000
MAX_MESSAGES = 1_000_000

# Sibling modules with the same interface: NAME, can_parse(item), parse_conversation(item, issues).
THIRD_PARTY_FORMATS: tuple[ModuleType, ...] = (chatgpt, claude, openwebui, librechat)


def parse_export(data: bytes) -> ImportResult:
    """Parse all conversations of a file: Antler's own or an export of another chat.

    The content decides the format, not the name, and a ZIP archive is searched. Nothing is saved. Raises
    TransferError, with a reason and a location, where the file cannot be imported as a whole.
    """
    issues: Counter[str] = Counter()
    records: list[ConversationRecord] = []
    message_count = 0
    sources: list[str] = []
    found = _Found()
    for source, record in _parse_records(data, issues, found):
        sources.append(source)
        if record is not None:
            records.append(record)
            message_count += len(record[1])
        is_too_long = len(records) > MAX_CONVERSATIONS or message_count > MAX_MESSAGES
        if is_too_long or found.is_too_long:
            raise TransferError("many")
    if not sources:
        raise TransferError("unknown")
    records = _deduplicate_ids(records, issues)
    counts = {code: count for code, count in sorted(issues.items()) if count and code != "id"}
    conversation_count = sum(not conversation.comparison_id for conversation, _ in records)
    report = ImportReport(sources[0], conversation_count, message_count, counts, issues["id"])
    return ImportResult(records, report, found.prompts, found.projects, found.files, found.comparisons)


@dataclass(frozen=True)
class _Found:
    """Content of Antler's own files besides conversations."""

    prompts: list[Prompt] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    files: list[StoredFileSchema] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def is_too_long(self) -> bool:
        is_long = len(self.prompts) > MAX_PROMPTS or len(self.projects) > MAX_PROJECTS
        return is_long or len(self.comparisons) > MAX_CONVERSATIONS


def _parse_records(data: bytes, issues: Counter[str], found: _Found) -> Iterator[tuple[str, ConversationRecord | None]]:
    """Yield each conversation with its format's name; None for a file or conversation without messages.

    Everything else is added to `found`.
    """
    for document in read_documents(data):
        if antler_reader.can_parse(document):
            yield antler_reader.NAME, None
            for record in antler_reader.parse_records(document, issues):
                yield antler_reader.NAME, record
            comparisons = antler_reader.parse_comparisons(document, issues)
            for record in antler_reader.parse_columns(document, issues, {each.id for each in comparisons}):
                yield antler_reader.NAME, record
            found.comparisons.extend(comparisons)
            found.prompts.extend(antler_reader.parse_prompts(document, issues))
            found.projects.extend(antler_reader.parse_projects(document, issues))
            found.files.extend(antler_reader.parse_files(document, issues))
            yield antler_reader.NAME, None
            continue
        for item in document if isinstance(document, list) else [document]:
            parser = _find_format(item)
            if parser is None:
                issues["conversation"] += 1
            else:
                yield parser.NAME, build_record(parser.parse_conversation(item, issues), issues)


def _find_format(item: Any) -> ModuleType | None:
    if not isinstance(item, dict):
        return None
    return next((module for module in THIRD_PARTY_FORMATS if module.can_parse(item)), None)


def _deduplicate_ids(records: list[ConversationRecord], issues: Counter[str]) -> list[ConversationRecord]:
    """Replace ids that occur in more than one conversation."""
    used_conversation_ids: set[str] = set()
    used_node_ids: set[str] = set()
    distinct: list[ConversationRecord] = []
    for index, record in enumerate(records):
        conversation_id, *node_ids = record_ids(record)
        new_id = _find_unused_id(conversation_id, index, used_conversation_ids)
        unused = {node_id: _find_unused_id(node_id, index, used_node_ids) for node_id in node_ids}
        replaced = {old: new for old, new in unused.items() if old != new}
        issues["id"] += (new_id != conversation_id) + len(replaced)
        distinct.append(replace_ids(record, new_id, replaced))
    return distinct


def _find_unused_id(candidate: str, record_index: int, used_ids: set[str]) -> str:
    while candidate in used_ids:
        candidate = derive_id(candidate, str(record_index))
    used_ids.add(candidate)
    return candidate
