"""Differences between two answers to one question besides their text, as rows of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.core.conversation import ImagePart, Node, OtherPart, SourcePart, ThinkingPart
from lib.core.params import ParamAdjustment
from lib.core.refused_params import SENT_AGAIN
from lib.core.sanitize import get_objects
from lib.core.target import Wire

Group = Literal["request", "ending", "content", "tokens", "money", "thinking", "time", "params", "ids", "headers"]
# "seconds" and "rate" (tokens per second) are measured, "money" is in nano-dollars, "outcome" and "wire" are codes,
# and "param" is an adjustment of a parameter.
Unit = Literal["text", "count", "seconds", "rate", "money", "flag", "outcome", "wire", "param"]
Value = str | int | float | bool | ParamAdjustment | None
Note = Literal["", "same_ending", "format_lacks", "not_reported", "per_request", "other_model"]

GROUPS: tuple[Group, ...] = (
    "request",
    "ending",
    "content",
    "tokens",
    "money",
    "thinking",
    "time",
    "params",
    "ids",
    "headers",
)
_MEASURED: tuple[Unit, ...] = ("seconds", "rate")
_TOLERANCE = 0.1  # measured values that differ less are equal: no two requests take the same time
# What a format has no field for.
_LACKING: Mapping[Wire, frozenset[str]] = {"openai": frozenset({"signature", "encrypted", "cache_write_1h"})}
# Headers that are different for every response.
_PER_REQUEST_HEADERS = frozenset({"date", "age", "set-cookie", "cf-ray", "content-length", "etag", "expires"})
_PER_REQUEST_WORDS = ("request-id", "requestid", "trace", "ratelimit", "-ms", "time", "oneapi")
_MAX_ROWS = 60  # of the fields of a gateway, and of its headers
_MAX_CHARS = 300  # of one of their values


@dataclass(frozen=True)
class AnswerFacts:
    """Facts about an answer: its node, and the cost of all its requests in nano-dollars, None if unknown.

    `adjustments` are the parameters that its target did not take as they were set. `headers` are those of its last
    response, None where its exchange was not recorded.
    """

    node: Node
    cost: int | None = None
    adjustments: Sequence[ParamAdjustment] = ()
    headers: Mapping[str, str] | None = None

    @property
    def wire(self) -> Wire | None:
        return self.node.target.wire if self.node.target else None


@dataclass(frozen=True)
class Difference:
    """A property of both answers; `name` is a key of its group, or the gateway's own name of a field or header."""

    group: Group
    name: str
    left: Value
    right: Value
    unit: Unit = "text"
    note: Note = ""
    is_equal: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_equal", _equals(self.left, self.right, self.unit))

    @property
    def ratio(self) -> float | None:
        """The right value in proportion to the left one; None where that says nothing."""
        left, right = self.left, self.right
        if self.unit not in (*_MEASURED, "money", "count"):
            return None
        if not isinstance(left, int | float) or not isinstance(right, int | float) or min(left, right) <= 0:
            return None
        return right / left


def list_differences(left: AnswerFacts, right: AnswerFacts) -> list[Difference]:
    """Return all properties of two answers in the order of GROUPS, equal ones too, without those that neither has."""
    rows = [
        *_compare_requests(left, right),
        *_compare_endings(left, right),
        *_compare_contents(left, right),
        *_compare_tokens(left, right),
        Difference("money", "cost", left.cost, right.cost, "money"),
        *_compare_thinking(left, right),
        *_compare_times(left.node, right.node),
        *_compare_params(left, right),
        *_compare_ids(left.node, right.node),
        *_compare_headers(left.headers, right.headers),
    ]
    return [row for row in rows if not (row.left in (None, "") and row.right in (None, ""))]


def _compare_requests(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    one, other = left.node.target, right.node.target
    yield Difference("request", "model", one.model if one else None, other.model if other else None)
    served = [_text(facts.node.provider_metadata.get("model")) for facts in (left, right)]
    note: Note = "other_model" if all(served) and served[0] != served[1] else ""
    yield Difference("request", "served_model", served[0], served[1], note=note)
    yield Difference("request", "wire", left.wire, right.wire, "wire")


def _compare_endings(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    one, other = left.node, right.node
    yield Difference("ending", "outcome", str(one.outcome), str(other.outcome), "outcome")
    is_translated = one.outcome == other.outcome and one.finish_reason != other.finish_reason
    note: Note = "same_ending" if is_translated else ""
    yield Difference("ending", "finish_reason", one.finish_reason, other.finish_reason, note=note)
    codes = [node.failure.code if node.failure else None for node in (one, other)]
    yield Difference("ending", "failure", codes[0], codes[1])


def _compare_contents(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    one, other = left.node.message, right.node.message
    yield Difference("content", "characters", len(one.text), len(other.text), "count")
    for name, kind in (("images", ImagePart), ("sources", SourcePart), ("other_parts", OtherPart)):
        counts = [sum(isinstance(part, kind) for part in message.parts) for message in (one, other)]
        if any(counts):
            yield Difference("content", name, counts[0], counts[1], "count")


def _compare_tokens(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    for name in ("input", "output", "reasoning", "cache_read", "cache_write", "cache_write_1h", "searches"):
        one, other = getattr(left.node.usage, name), getattr(right.node.usage, name)
        yield Difference("tokens", name, one, other, "count", _missing_note(name, left, right, one, other))


def _compare_thinking(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    parts = [[part for part in facts.node.message.parts if isinstance(part, ThinkingPart)] for facts in (left, right)]
    if not any(parts):
        return
    flags = {
        "present": [bool(thoughts) for thoughts in parts],
        "signature": [any(part.signature for part in thoughts) for thoughts in parts],
        "encrypted": [any(part.redacted_data for part in thoughts) for thoughts in parts],
    }
    lengths = [sum(len(part.text) for part in thoughts) for thoughts in parts]
    yield Difference("thinking", "present", flags["present"][0], flags["present"][1], "flag")
    yield Difference("thinking", "characters", lengths[0], lengths[1], "count")
    for name in ("signature", "encrypted"):
        one, other = flags[name]
        if one or other:
            lacks = any(facts.wire and name in _LACKING.get(facts.wire, ()) for facts in (left, right))
            yield Difference("thinking", name, one, other, "flag", "format_lacks" if lacks else "")


def _compare_times(one: Node, other: Node) -> Iterator[Difference]:
    for name in ("first_token", "first_text", "total"):
        yield Difference("time", name, getattr(one.timing, name), getattr(other.timing, name), "seconds")
    yield Difference("time", "rate", _rate(one), _rate(other), "rate")


def _compare_params(left: AnswerFacts, right: AnswerFacts) -> Iterator[Difference]:
    by_name = [{adjustment.param_names: adjustment for adjustment in facts.adjustments} for facts in (left, right)]
    for name in dict.fromkeys((*by_name[0], *by_name[1])):
        yield Difference("params", name, by_name[0].get(name), by_name[1].get(name), "param")
    repairs = [get_objects(facts.node.provider_metadata, SENT_AGAIN) for facts in (left, right)]
    if any(repairs):
        yield Difference("params", "sent_again", len(repairs[0]), len(repairs[1]), "count")


def _compare_ids(one: Node, other: Node) -> Iterator[Difference]:
    """Yield the gateway's own fields but for its counters, which stand under their common names."""
    fields = [dict(_list_fields(node.provider_metadata)) for node in (one, other)]
    for name in list(dict.fromkeys(("request_id", "id", *fields[0], *fields[1])))[:_MAX_ROWS]:
        note: Note = "per_request" if name in ("request_id", "id", "created") else ""
        yield Difference("ids", name, fields[0].get(name), fields[1].get(name), note=note)


def _compare_headers(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> Iterator[Difference]:
    if one is None or other is None:
        return
    lowered = [{name.lower(): value for name, value in headers.items()} for headers in (one, other)]
    for name in sorted(lowered[0].keys() | lowered[1].keys())[:_MAX_ROWS]:
        is_volatile = name in _PER_REQUEST_HEADERS or any(word in name for word in _PER_REQUEST_WORDS)
        values = [_text(headers.get(name)) for headers in lowered]
        yield Difference("headers", name, values[0], values[1], note="per_request" if is_volatile else "")


def _missing_note(name: str, left: AnswerFacts, right: AnswerFacts, one: Value, other: Value) -> Note:
    """Return why one of two values is missing; "" if both are there, or neither is."""
    missing = [facts for facts, value in ((left, one), (right, other)) if value is None]
    if len(missing) != 1:
        return ""
    wire = missing[0].wire
    return "format_lacks" if wire and name in _LACKING.get(wire, ()) else "not_reported"


def _list_fields(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in metadata.items():
        if isinstance(value, str | int | float) and name != "model":
            yield name, _text(value)


def _rate(node: Node) -> float | None:
    """Return the tokens per second after the first one; None if too little is known."""
    first, total, output = node.timing.first_token, node.timing.total, node.usage.output
    if first is None or total is None or not output or total <= first:
        return None
    return output / (total - first)


def _equals(left: Value, right: Value, unit: Unit) -> bool:
    if unit in _MEASURED and isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) <= _TOLERANCE * max(abs(left), abs(right))
    return left == right or (left in (None, "") and right in (None, ""))


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_MAX_CHARS]
