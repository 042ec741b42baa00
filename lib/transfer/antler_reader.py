"""Antler's own file, read: every field of its kind, or the file is refused with the place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

from lib.core.conversation import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    Part,
    Text,
    Thinking,
    Timing,
    Titler,
    Usage,
    Window,
)
from lib.core.errors import AnswerError, TransferError, Unexpected
from lib.core.params import BY_NAME, Params
from lib.core.sanitize import cleaned
from lib.core.target import Target, is_wire
from lib.transfer.antler_writer import FORMAT, VERSION
from lib.transfer.fields import Fields
from lib.transfer.message_tree import Seed, grown, newest
from lib.transfer.result import Entry, derived

NAME = FORMAT

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SERVED_DEPTH = 8  # of what a gateway told: deeper than anything that is kept of it


def fits(document: Any) -> bool:
    """Whether this is a file of this format, of whatever version."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def entries(document: dict[str, Any], counts: Counter[str]) -> Iterator[Entry]:
    """The conversations of the file, exactly as they were written.

    Fields of later versions are passed over and counted, as is what had to be mended. Raises
    TransferError where the file is of a later major version, or a field is not of its kind.
    """
    file = Fields(document, "", counts)
    file.take("format")
    version = file.whole("version")
    if version is None or version < 1:
        raise file.wrong("version")
    if version > VERSION:
        raise TransferError("newer", str(version))
    for one in file.each("conversations"):
        yield _entry(one, counts)
    file.ended()


def _entry(raw: Fields, counts: Counter[str]) -> Entry:
    conversation = _conversation(raw, counts)
    seeds = _named([_seed(one, counts) for one in raw.each("nodes")], counts)
    raw.ended()
    tree = grown(seeds, conversation.created, counts)
    head, window = conversation.head, conversation.window
    if head is not None and head not in tree.spot:
        counts["head"] += 1
    return replace(
        conversation,
        head=tree.spot.get(head) or newest(tree.nodes) if head is not None else None,
        window=replace(window, start=tree.spot.get(window.start, _id(window.start, counts)))
        if window
        else None,
    ), tree.nodes


def _conversation(raw: Fields, counts: Counter[str]) -> Conversation:
    """The conversation, its head and its window under the ids of the file."""
    titled = raw.text("titled")
    if titled not in ("", *get_args(Titler)):
        counts["unknown"] += 1
    head = raw.text("head")
    window = raw.inside("window")
    return Conversation(
        id=_id(raw.text("id", needed=True), counts),
        title=raw.line("title"),
        titled=next((one for one in get_args(Titler) if one == titled), "question"),
        created=raw.moment("created") or 0.0,
        updated=raw.moment("updated") or 0.0,
        head=head or None,
        target=_target(raw.inside("target"), counts),
        params=_params(raw.inside("params"), counts),
        folder=raw.line("folder"),
        pinned=raw.flag("pinned"),
        archived=raw.flag("archived"),
        window=_ended(window, lambda one: Window(one.text("start"), one.text("summary"))),
    )


def _seed(raw: Fields, counts: Counter[str]) -> Seed:
    name = raw.text("id", needed=True)
    parent = raw.text("parent")
    role = raw.text("role", needed=True)
    if role not in ("user", "assistant"):
        raise raw.wrong("role")
    parts = tuple(part for one in raw.each("parts") if (part := _part(one, counts)))
    created = raw.moment("created")
    served = raw.take("served")
    if not isinstance(served, dict | None):
        raise raw.wrong("served")
    node = Node(
        id=name,
        parent=None,
        message=Message("user" if role == "user" else "assistant", parts),
        created=0.0,
        outcome=_outcome(raw.text("outcome"), counts),
        reason=raw.text("reason"),
        target=_target(raw.inside("target"), counts),
        usage=_ended(raw.inside("usage"), _usage) or Usage(),
        timing=_ended(raw.inside("timing"), _timing) or Timing(),
        failure=_ended(raw.inside("failure"), lambda one: _failure(one, counts)),
        request_id=raw.text("request_id"),
        served=cleaned(served or {}, _SERVED_DEPTH),
    )
    raw.ended()
    return Seed(name, parent or None, node, created)


def _part(raw: Fields, counts: Counter[str]) -> Part | None:
    kind = raw.text("type", needed=True)
    if kind == "text":
        part: Part = Text(raw.text("text"))
    elif kind == "thinking":
        part = Thinking(raw.text("text"), raw.text("signature"), raw.text("sealed"))
    else:
        counts["part"] += 1
        return None
    raw.ended()
    return part


def _outcome(name: str, counts: Counter[str]) -> Outcome:
    if name and name not in set(Outcome) - {Outcome.ARRIVING}:
        counts["unknown"] += 1
        return Outcome.INTERRUPTED
    return Outcome(name or Outcome.COMPLETE)


def _target(raw: Fields | None, counts: Counter[str]) -> Target | None:
    if raw is None:
        return None
    model, wire = raw.line("model"), raw.text("wire")
    raw.ended()
    if model and is_wire(wire):
        return Target(model, wire)
    counts["unknown"] += 1
    return None


def _usage(raw: Fields) -> Usage:
    return Usage(**{field.name: raw.count(field.name) for field in fields(Usage)})


def _timing(raw: Fields) -> Timing:
    return Timing(**{field.name: raw.number(field.name) for field in fields(Timing)})


def _failure(raw: Fields, counts: Counter[str]) -> Failure:
    code = raw.line("code")
    known = code in _codes(AnswerError)
    counts["unknown"] += not known
    return Failure(
        code=code if known else Unexpected.code,
        detail=raw.text("detail"),
        status=raw.whole("status"),
        request_id=raw.text("request_id"),
        retry=raw.flag("retry"),
        blamed=raw.texts("blamed"),
        wait=raw.number("wait"),
    )


def _codes(kind: type[AnswerError]) -> set[str]:
    return {kind.code}.union(*map(_codes, kind.__subclasses__()))


def _params(raw: Fields | None, counts: Counter[str]) -> Params:
    """What was set. A value that no wire takes is left out and counted: the page could not show it."""
    if raw is None:
        return Params()
    found: dict[str, Any] = {}
    for name, field in BY_NAME.items():
        value = _param(raw, name, field.kind)
        if value is None or value == "":
            continue
        ranges = field.ranges
        if (field.kind == "choice" and value not in field.choices) or (
            ranges and not min(one.least for one in ranges) <= value <= max(one.most for one in ranges)
        ):
            counts["setting"] += 1
        else:
            found[name] = value
    raw.ended()
    return Params(**found)


def _param(raw: Fields, name: str, kind: str) -> Any:
    if kind == "integer":
        return raw.whole(name)
    if kind == "number":
        return raw.number(name)
    if kind == "lines":
        return raw.texts(name)
    if kind == "switch":
        value = raw.take(name)
        if not isinstance(value, bool | None):
            raise raw.wrong(name)
        return value
    return raw.text(name)


def _ended(raw: Fields | None, read: Callable[[Fields], T]) -> T | None:
    if raw is None:
        return None
    value = read(raw)
    raw.ended()
    return value


def _id(name: str, counts: Counter[str], used: Collection[str] = ()) -> str:
    """The id, where it is of the form of ours; else one that is always the same for it, and not used."""
    if _ID.fullmatch(name):
        return name
    counts["id"] += 1
    name = derived(name)
    while name in used:
        name = derived(name)
    return name


def _named(seeds: list[Seed], counts: Counter[str]) -> list[Seed]:
    """The same, with nodes whose ids are all of our form."""
    used = {seed.id for seed in seeds}
    return [
        replace(seed, node=replace(seed.node, id=_id(seed.id, counts, used)) if seed.node else None)
        for seed in seeds
    ]
