"""Checkpoints of an arriving answer, and the changes between two of its states, which are all that most save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from lib.core.conversation import Node, Part, SourcePart, TextPart, ThinkingPart


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


def _find_growth(old: Part, new: Part) -> Part | None:
    """Return what has come at the end of the fields of a part; None if more has changed."""
    if isinstance(old, TextPart) and isinstance(new, TextPart):
        return TextPart(new.text[len(old.text) :]) if new.text.startswith(old.text) else None
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
