"""What an import gives: Loaded, Report, and the ids under which it can be kept."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.core.conversation import Conversation, Node, new_id

Entry = tuple[Conversation, list[Node]]


@dataclass(frozen=True)
class Report:
    """What came of a file: `skipped` counts what was left out or mended, by code.

    `source` is the format that was found. `renamed_ids` counts the conversations and messages that were
    given new ids, because theirs were taken.
    """

    source: str
    conversations: int
    messages: int
    skipped: Mapping[str, int]
    renamed_ids: int = 0


@dataclass(frozen=True)
class Loaded:
    """The conversations of a file, each with its nodes: parents first, siblings oldest first."""

    conversations: Sequence[Entry]
    report: Report


def fresh(loaded: Loaded, taken: Callable[[Iterable[str]], set[str]]) -> Loaded:
    """The same conversations, with a new id for each conversation and node whose id is taken.

    `taken` is asked once, with all ids, and tells those that anybody has: an import creates, and never
    writes over what is there.
    """
    used = taken([one for entry in loaded.conversations for one in ids(entry)])
    kept, count = [], 0
    for conversation, nodes in loaded.conversations:
        name = new_id() if conversation.id in used else conversation.id
        names = {node.id: new_id() for node in nodes if node.id in used}
        count += (name != conversation.id) + len(names)
        kept.append(renamed((conversation, nodes), name, names))
    return Loaded(kept, replace(loaded.report, renamed_ids=loaded.report.renamed_ids + count))


def ids(entry: Entry) -> list[str]:
    """The conversation's id, and those of its nodes."""
    return [entry[0].id, *(node.id for node in entry[1])]


def renamed(entry: Entry, name: str, names: Mapping[str, str]) -> Entry:
    """The conversation as `name`, and its nodes with new names, in every place where they are named."""
    conversation, nodes = entry
    if name == conversation.id and not names:
        return entry
    window = conversation.window
    head = conversation.head
    return replace(
        conversation,
        id=name,
        head=names.get(head, head) if head else head,
        window=replace(window, start=names.get(window.start, window.start)) if window else None,
    ), [
        replace(
            node,
            id=names.get(node.id, node.id),
            parent=names.get(node.parent, node.parent) if node.parent else node.parent,
        )
        for node in nodes
    ]


def derived(*words: str) -> str:
    """An id of the form of `new_id` that is always the same for the same words."""
    return urlsafe_b64encode(hashlib.sha256(json.dumps(words).encode()).digest()[:12]).decode()
