"""Any file to conversations: which format it is, and one report of what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from lib.core.errors import TransferError
from lib.transfer import antler_reader, chatgpt, claude, librechat, openwebui
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

# Sibling modules with one face: NAME, fits(item), draft(item, counts).
THIRD_PARTY_FORMATS: tuple[ModuleType, ...] = (chatgpt, claude, openwebui, librechat)


def parse_export(data: bytes) -> ImportResult:
    """All conversations of a file: Antler's own, or an export of ChatGPT, Claude, Open WebUI or LibreChat.

    The format is told by what is in the file, not by its name, and a ZIP archive is looked into. Nothing
    is kept by this: it is all of the file, or a TransferError that says why not, and where.
    """
    counts: Counter[str] = Counter()
    kept: list[ConversationRecord] = []
    messages = 0
    sources: list[str] = []
    for source, entry in _parse_records(data, counts):
        sources.append(source)
        if entry is not None:
            kept.append(entry)
            messages += len(entry[1])
        if len(kept) > MAX_CONVERSATIONS or messages > MAX_MESSAGES:
            raise TransferError("many")
    if not sources:
        raise TransferError("unknown")
    distinct = _deduplicate_ids([entry for entry in kept if entry], counts)
    skipped = {code: count for code, count in sorted(counts.items()) if count and code != "id"}
    report = ImportReport(next(filter(None, sources)), len(distinct), messages, skipped, counts["id"])
    return ImportResult(distinct, report)


def _parse_records(data: bytes, issues: Counter[str]) -> Iterator[tuple[str, ConversationRecord | None]]:
    """Each conversation with its format's name; None for a file or a conversation with nothing in it."""
    for document in read_documents(data):
        if antler_reader.can_parse(document):
            yield antler_reader.NAME, None
            for entry in antler_reader.parse_records(document, issues):
                yield antler_reader.NAME, entry
            continue
        for item in document if isinstance(document, list) else [document]:
            found = _find_format(item)
            if found is None:
                issues["conversation"] += 1
            else:
                yield found.NAME, build_record(found.parse_conversation(item, issues), issues)


def _find_format(item: Any) -> ModuleType | None:
    if not isinstance(item, dict):
        return None
    return next((one for one in THIRD_PARTY_FORMATS if one.can_parse(item)), None)


def _deduplicate_ids(records: list[ConversationRecord], issues: Counter[str]) -> list[ConversationRecord]:
    """The conversations, with other ids for those that come in more than one of them."""
    conversations: set[str] = set()
    nodes: set[str] = set()
    found: list[ConversationRecord] = []
    for number, entry in enumerate(records):
        name, *names = record_ids(entry)
        other = _find_unused_id(name, number, conversations)
        others = {one: free for one in names if (free := _find_unused_id(one, number, nodes)) != one}
        issues["id"] += (other != name) + len(others)
        found.append(replace_ids(entry, other, others))
    return found


def _find_unused_id(candidate: str, record_index: int, used_ids: set[str]) -> str:
    while candidate in used_ids:
        candidate = derive_id(candidate, str(record_index))
    used_ids.add(candidate)
    return candidate
