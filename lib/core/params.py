"""What a person may set for an answer: Params, and what each wire takes of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

if TYPE_CHECKING:  # a conversation in types.py has Params
    from lib.core.target import Wire

Kind = Literal["area", "number", "integer", "text", "lines", "choice", "json", "switch"]
Group = Literal["basic", "sampling", "thinking", "output", "request"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MIN_BUDGET = 1024
STOPS_MAX = 4  # the most stop sequences that OpenAI's format takes
_SAFE_INTEGER = 2**53 - 1  # what a browser's number holds exactly


@dataclass(frozen=True)
class Params:
    """What a person set for a conversation. None, "" and () mean untouched, and are not sent.

    `logit_bias`, `schema` and `extra` are JSON objects, as the text that was typed. `thinking` is
    "adaptive", "budget" or "off"; `format` is "json" or "schema"; `cache` is how long, "5m" or "1h".
    """

    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: str = ""
    seed: int | None = None
    effort: str = ""
    thinking: str = ""
    budget: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    format: str = ""
    schema: str = ""
    cache: str = ""
    user: str = ""
    stream: bool = True
    extra: str = ""


@dataclass(frozen=True)
class Range:
    """The numbers that a wire takes, both ends included."""

    least: float
    most: float


@dataclass(frozen=True)
class Field:
    """One parameter: how it is set, and under which name each wire takes it; "" where it does not."""

    name: str
    group: Group
    kind: Kind
    openai: str = ""
    anthropic: str = ""
    ranges: tuple[Range, Range] | None = None  # of OpenAI's wire, of Anthropic's
    choices: tuple[str, ...] = ()
    step: float = 1

    def on(self, wire: Wire) -> str:
        """The name of the field in the wire's JSON; "" where the wire has none."""
        return self.openai if wire == "openai" else self.anthropic

    def range(self, wire: Wire) -> Range:
        assert self.ranges is not None
        return self.ranges[0 if wire == "openai" else 1]


def _same(least: float, most: float) -> tuple[Range, Range]:
    return Range(least, most), Range(least, most)


# Sources: OpenAI's API description and Anthropic's Messages reference, as the two formats stand.
FIELDS = (
    Field("system", "basic", "area", "messages", "system"),
    Field(
        "temperature", "basic", "number", "temperature", "temperature", (Range(0, 2), Range(0, 1)), step=0.1
    ),
    Field("max_tokens", "basic", "integer", "max_tokens", "max_tokens", _same(1, 1_000_000), step=256),
    Field("effort", "thinking", "choice", "reasoning_effort", "output_config.effort", choices=EFFORTS),
    Field("thinking", "thinking", "choice", "", "thinking", choices=("adaptive", "budget", "off")),
    Field(
        "budget",
        "thinking",
        "integer",
        "",
        "thinking.budget_tokens",
        _same(MIN_BUDGET, 1_000_000),
        step=1024,
    ),
    Field("top_p", "sampling", "number", "top_p", "top_p", _same(0, 1), step=0.05),
    Field("top_k", "sampling", "integer", "", "top_k", _same(1, 1_000_000)),
    Field("presence_penalty", "sampling", "number", "presence_penalty", "", _same(-2, 2), step=0.1),
    Field("frequency_penalty", "sampling", "number", "frequency_penalty", "", _same(-2, 2), step=0.1),
    Field("seed", "sampling", "integer", "seed", "", _same(-_SAFE_INTEGER, _SAFE_INTEGER)),
    Field("logit_bias", "sampling", "json", "logit_bias", ""),
    Field("stop", "output", "lines", "stop", "stop_sequences"),
    Field("n", "output", "integer", "n", "", _same(1, 128)),
    Field(
        "format", "output", "choice", "response_format", "output_config.format", choices=("json", "schema")
    ),
    Field("schema", "output", "json", "response_format", "output_config.format"),
    Field("stream", "request", "switch", "stream", "stream"),
    Field("cache", "request", "choice", "", "cache_control", choices=("5m", "1h")),
    Field("user", "request", "text", "user", "metadata.user_id"),
    Field("extra", "request", "json", "*", "*"),
)
BY_NAME = {field.name: field for field in FIELDS}


@dataclass(frozen=True)
class Loss:
    """Something that the target does not take as it was set: which rule, of which field, what is sent."""

    rule: str
    field: str = ""
    value: str = ""


def within(wire: Wire, params: Params) -> tuple[Params, list[Loss]]:
    """The parameters with every number inside what the wire takes, and which were not."""
    changes: dict[str, Any] = {}
    for field in FIELDS:
        value = getattr(params, field.name)
        if field.ranges and field.on(wire) and value is not None:
            limits = field.range(wire)
            fitting = type(value)(min(max(value, limits.least), limits.most))
            if fitting != value:
                changes[field.name] = fitting
    return replace(params, **changes), [
        Loss("clamped", name, f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in changes.items()
    ]


def touched(params: Params) -> list[str]:
    """The names of the parameters that are set, in the order of their fields."""
    untouched = Params()
    return [name for name in BY_NAME if getattr(params, name) != getattr(untouched, name)]


def absent(wire: Wire, params: Params) -> list[Loss]:
    """What is set and has no field on the wire, and what is set without the other half that it needs."""
    found = [
        Loss("automatic" if name == "cache" else "not_on_wire", name)
        for name in touched(params)
        if not BY_NAME[name].on(wire)
    ]
    halves = (params.format == "schema") != bool(params.schema)
    return [*found, Loss("schema_needs", "schema")] if halves else found


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that was typed; {} for nothing. Raises ValueError where it is anything else."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError(text[:40]) from None
    if not isinstance(found, dict):
        raise ValueError(text[:40])
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def merged(body: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with a JSON merge patch (RFC 7386) on it: objects are merged, null takes a field away."""
    result = dict(body)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = merged(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


_NAMES = frozenset(field.name for field in fields(Params))


def read(saved: Mapping[str, Any]) -> Params:
    """Params as they were saved: names of another version are passed over, lists are tuples again."""
    values = {key: value for key, value in saved.items() if key in _NAMES}
    if isinstance(values.get("stop"), list):
        values["stop"] = tuple(map(str, values["stop"]))
    return Params(**values)


def stops(text: str) -> tuple[str, ...]:
    r"""Stop sequences from a text with one on each line; `\n` and `\t` stand for the signs themselves."""
    lines = (line.replace("\\n", "\n").replace("\\t", "\t") for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))
