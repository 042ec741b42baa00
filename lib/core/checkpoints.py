"""Checkpoints of an arriving answer, and the changes between two of its states, which are all that most save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lib.core.conversation import Message, Node, Outcome, Part, SourcePart, TextPart, ThinkingPart


@dataclass(frozen=True)
class PartsChange:
    """The way from a list of parts to a later one.

    The first `count` parts are left. Of these, `grown` get text at the end of their fields, given as a part by index.
    `replaced` are new parts by index, those behind the last one in their order.
    """

    count: int
    replaced: tuple[tuple[int, Part], ...] = ()
    grown: tuple[tuple[int, Part], ...] = ()


@dataclass(frozen=True)
class NodeChanges:
    """The way from a state of an answer to a later one; None where nothing has changed.

    The sources at the end of an answer have a list of their own, so that a part before them leaves them in their
    places. `rewritten` are the parts that take the place of older ones: their content is written again. `has_new_facts`
    is set for new usage, times, finish reason or metadata, `size` is the number of new characters.
    """

    body: PartsChange | None
    sources: PartsChange | None
    rewritten: tuple[Part, ...]
    has_new_facts: bool
    size: int


@dataclass(frozen=True)
class Checkpoint:
    """An arriving answer to save: all of it, its `changes` since the last checkpoint, or its heartbeat alone.

    The `number` of changes is greater than that of those before.
    """

    owner: str
    node: Node
    is_heartbeat: bool = False
    changes: NodeChanges | None = None
    number: int = 0

    @property
    def is_whole(self) -> bool:
        """True if the whole row is written."""
        return not self.is_heartbeat and self.changes is None


@dataclass(frozen=True)
class SavedChanges:
    """The changes of a checkpoint as they are stored, with the attributes of the answer that have new values."""

    body: PartsChange | None = None
    sources: PartsChange | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def find_growth(self, node: Node) -> str | None:
        """Return the text that has come at the end of the last part of an answer; None if its parts change otherwise.

        "" if they do not change.
        """
        if self.sources:
            return None
        if self.body is None:
            return ""
        last = len(_split(node)[0]) - 1
        if self.body.replaced or self.body.count != last + 1 or [index for index, _ in self.body.grown] != [last]:
            return None
        match self.body.grown[0][1]:
            case TextPart(text, ()) | ThinkingPart(text, "", ""):
                return text
        return None


@dataclass(frozen=True)
class ArrivalState:
    """A state of a stored answer, by which a reader tells if there is anything new.

    `request_id` is the usage record of its last request. `last_change` is the number of the last changes that were
    saved besides the row, and 0 without any: then the state has the `size` of the row.
    """

    outcome: Outcome
    request_id: str
    size: int = 0
    last_change: int = 0


@dataclass(frozen=True)
class Arrival:
    """News of an answer since a state: `changes`, or the whole `node`; neither if there is nothing new."""

    state: ArrivalState
    changes: Sequence[SavedChanges] = ()
    node: Node | None = None


def find_changes(old: Node, new: Node) -> NodeChanges:
    """Return the changes from a state of an answer to a later one."""
    (old_body, old_sources), (new_body, new_sources) = _split(old), _split(new)
    body, sources = _compare(old_body, new_body), _compare(old_sources, new_sources)
    # Of two parts in one place the smaller one counts: the rest of a larger one is new.
    pairs = [
        (parts[index], part)
        for parts, change in ((old_body, body), (old_sources, sources))
        for index, part in (change.replaced if change else ())
        if index < len(parts)
    ]
    changed = [part for change in (body, sources) if change for _, part in (*change.replaced, *change.grown)]
    return NodeChanges(
        body,
        sources,
        tuple(min(pair, key=measure_part) for pair in pairs),
        _facts(old) != _facts(new),
        sum(map(measure_part, changed)),
    )


def apply_changes(node: Node, changes: SavedChanges) -> Node:
    """Return the state of an answer that changes lead to."""
    body, sources = _split(node)
    parts = (*_apply(body, changes.body), *_apply(sources, changes.sources))
    return replace(node, message=Message(node.message.role, parts), **changes.facts)


def measure_part(part: Part) -> int:
    """Return the number of characters of a part, in all of its fields."""
    return sum(len(value) for field in fields(part) if isinstance(value := getattr(part, field.name), str))


def measure_parts(parts: Sequence[Part]) -> int:
    """Return the number of characters of parts."""
    return sum(map(measure_part, parts))


def _split(node: Node) -> tuple[Sequence[Part], Sequence[Part]]:
    """Return the parts without the sources at their end, and these."""
    parts = node.message.parts
    end = len(parts)
    while end and isinstance(parts[end - 1], SourcePart):
        end -= 1
    return parts[:end], parts[end:]


def _compare(old: Sequence[Part], new: Sequence[Part]) -> PartsChange | None:
    count = min(len(old), len(new))
    grown: list[tuple[int, Part]] = []
    replaced: list[tuple[int, Part]] = []
    for index in range(count):
        if old[index] == new[index]:
            continue
        if growth := _find_growth(old[index], new[index]):
            grown.append((index, growth))
        else:
            replaced.append((index, new[index]))
    replaced += enumerate(new[count:], count)
    has_changed = grown or replaced or count < len(old)
    return PartsChange(count, tuple(replaced), tuple(grown)) if has_changed else None


def _apply(parts: Sequence[Part], change: PartsChange | None) -> Sequence[Part]:
    if change is None:
        return parts
    changed = list(parts[: change.count])
    for index, part in change.replaced:
        changed[index : index + 1] = [part]
    for index, growth in change.grown:
        match changed[index], growth:
            case TextPart() as part, TextPart():
                changed[index] = replace(part, text=part.text + growth.text)
            case ThinkingPart() as part, ThinkingPart():
                changed[index] = ThinkingPart(
                    part.text + growth.text,
                    part.signature + growth.signature,
                    part.redacted_data + growth.redacted_data,
                )
    return changed


def _find_growth(old: Part, new: Part) -> Part | None:
    """Return what has come at the end of the fields of a part; None if more has changed."""
    if isinstance(old, TextPart) and isinstance(new, TextPart):
        is_grown = new.text.startswith(old.text) and new.cited == old.cited
        return TextPart(new.text[len(old.text) :]) if is_grown else None
    if not (isinstance(old, ThinkingPart) and isinstance(new, ThinkingPart)):
        return None
    pairs = (
        (old.text, new.text),
        (old.signature, new.signature),
        (old.redacted_data, new.redacted_data),
    )
    if not all(after.startswith(before) for before, after in pairs):
        return None
    return ThinkingPart(*(after[len(before) :] for before, after in pairs))


def _facts(node: Node) -> tuple[object, ...]:
    return node.usage, node.timing, node.finish_reason, node.provider_metadata
