"""Any file to conversations: which format it is, and one report of what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from lib.core.errors import TransferError
from lib.transfer import antler_reader, chatgpt, claude, librechat, openwebui
from lib.transfer.archive import documents
from lib.transfer.imported import settled
from lib.transfer.result import Entry, Loaded, Report, derived, ids, renamed

MAX_CONVERSATIONS = 50_000
MAX_MESSAGES = 1_000_000

# Sibling modules with one face: NAME, fits(item), draft(item, counts).
FOREIGN: tuple[ModuleType, ...] = (chatgpt, claude, openwebui, librechat)


def read(data: bytes) -> Loaded:
    """All conversations of a file: Antler's own, or an export of ChatGPT, Claude, Open WebUI or LibreChat.

    The format is told by what is in the file, not by its name, and a ZIP archive is looked into. Nothing
    is kept by this: it is all of the file, or a TransferError that says why not, and where.
    """
    counts: Counter[str] = Counter()
    kept: list[Entry] = []
    messages = 0
    sources: list[str] = []
    for source, entry in _entries(data, counts):
        sources.append(source)
        if entry is not None:
            kept.append(entry)
            messages += len(entry[1])
        if len(kept) > MAX_CONVERSATIONS or messages > MAX_MESSAGES:
            raise TransferError("many")
    if not sources:
        raise TransferError("unknown")
    distinct = _distinct([entry for entry in kept if entry], counts)
    skipped = {code: count for code, count in sorted(counts.items()) if count and code != "id"}
    report = Report(next(filter(None, sources)), len(distinct), messages, skipped, counts["id"])
    return Loaded(distinct, report)


def _entries(data: bytes, counts: Counter[str]) -> Iterator[tuple[str, Entry | None]]:
    """Each conversation with its format's name; None for a file or a conversation with nothing in it."""
    for document in documents(data):
        if antler_reader.fits(document):
            yield antler_reader.NAME, None
            for entry in antler_reader.entries(document, counts):
                yield antler_reader.NAME, entry
            continue
        for item in document if isinstance(document, list) else [document]:
            found = _importer(item)
            if found is None:
                counts["conversation"] += 1
            else:
                yield found.NAME, settled(found.draft(item, counts), counts)


def _importer(item: Any) -> ModuleType | None:
    if not isinstance(item, dict):
        return None
    return next((one for one in FOREIGN if one.fits(item)), None)


def _distinct(entries: list[Entry], counts: Counter[str]) -> list[Entry]:
    """The conversations, with other ids for those that come in more than one of them."""
    conversations: set[str] = set()
    nodes: set[str] = set()
    found: list[Entry] = []
    for number, entry in enumerate(entries):
        name, *names = ids(entry)
        other = _free(name, number, conversations)
        others = {one: free for one in names if (free := _free(one, number, nodes)) != one}
        counts["id"] += (other != name) + len(others)
        found.append(renamed(entry, other, others))
    return found


def _free(name: str, number: int, used: set[str]) -> str:
    while name in used:
        name = derived(name, str(number))
    used.add(name)
    return name
