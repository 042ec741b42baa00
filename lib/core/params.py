"""Parameters of an answer, and their support by each wire."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

if TYPE_CHECKING:  # lib.core.target imports this module
    from lib.core.target import Wire

FieldKind = Literal["area", "number", "integer", "text", "lines", "choice", "json", "switch"]
FieldGroup = Literal["basic", "image", "sampling", "thinking", "output", "search", "request"]

EFFORT_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MIN_THINKING_BUDGET = 1024
MAX_SEARCHES = 100  # of one request
MAX_STOP_SEQUENCES = 4  # limit of OpenAI's format
MAX_IMAGES = 10  # of one request for images, the limit of OpenAI's `n`
_MAX_SAFE_INTEGER = 2**53 - 1  # largest integer that JavaScript represents exactly


@dataclass(frozen=True)
class Params:
    """Parameters of a conversation; None, "" and () are unset, and not sent.

    `logit_bias`, `schema` and `extra` are JSON objects as typed. `thinking` is "adaptive", "budget" or "off",
    `display` of its text "summarized" or "omitted"; `format` is "json" or "schema"; `cache` is a lifetime, "5m" or
    "1h", or "off", and without a value each turn decides. The fields that begin with `search_` are those of a web
    search: the size of its context is "low", "medium" or "high", the country has two letters. `size` to `moderation`
    are those of images: `size` is "WIDTHxHEIGHT" in pixels, `image_format` "png", "jpeg" or "webp".
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
    display: str = ""
    stop: tuple[str, ...] = ()
    n: int | None = None
    format: str = ""
    schema: str = ""
    verbosity: str = ""
    cache: str = ""
    prompt_cache_key: str = ""
    user: str = ""
    web_search: bool = False
    search_context: str = ""
    search_uses: int | None = None
    search_domains: tuple[str, ...] = ()
    search_blocked: tuple[str, ...] = ()
    search_country: str = ""
    search_city: str = ""
    stream: bool = True
    extra: str = ""
    size: str = ""
    quality: str = ""
    background: str = ""
    image_format: str = ""
    moderation: str = ""


@dataclass(frozen=True)
class NumberRange:
    """Range of numbers that a wire accepts, both ends included."""

    minimum: float
    maximum: float


@dataclass(frozen=True)
class ParamField:
    """A parameter: its kind, and its name on each wire, "" where it is unsupported.

    A field that `accepts_others` takes other values than its `choices`, too.
    """

    name: str
    group: FieldGroup
    kind: FieldKind
    openai_name: str = ""
    anthropic_name: str = ""
    ranges: tuple[NumberRange, NumberRange] | None = None  # of OpenAI's wire, of Anthropic's
    choices: tuple[str, ...] = ()
    step: float = 1
    images_name: str = ""
    accepts_others: bool = False

    def wire_name(self, wire: Wire) -> str:
        """Return the name of the field in the wire's JSON; "" if the wire has none."""
        if wire == "images":
            return self.images_name
        return self.openai_name if wire == "openai" else self.anthropic_name

    def range_for(self, wire: Wire) -> NumberRange:
        assert self.ranges is not None
        if wire == "images":
            return NumberRange(1, MAX_IMAGES)  # of the number of images, the only one
        return self.ranges[0 if wire == "openai" else 1]


def _same_range(minimum: float, maximum: float) -> tuple[NumberRange, NumberRange]:
    return NumberRange(minimum, maximum), NumberRange(minimum, maximum)


# Web search: OpenAI's field, and the item of that name among Anthropic's tools.
_OPTIONS, _TOOL = "web_search_options", "tools.web_search"
_LOCATION = f"{_OPTIONS}.user_location.approximate"
_SIZES = ("low", "medium", "high")
# Sources: OpenAI's API description and Anthropic's Messages reference, as the two formats stand. The choices of image
# parameters are those of all models; see `lib/gateway/wires/models/image_rules.py` for those of one.
IMAGE_SIZES = ("1024x1024", "1536x1024", "1024x1536", "2048x2048", "2560x1440", "1440x2560", "3840x2160", "2160x3840")
LEGACY_IMAGE_SIZES = ("256x256", "512x512", "1792x1024", "1024x1792")
IMAGE_QUALITIES = ("low", "medium", "high", "xhigh", "max", "standard", "hd")
_IMAGE_SIZE_CHOICES = (*IMAGE_SIZES, *LEGACY_IMAGE_SIZES)
MAX_CHOICE_LENGTH = 40  # characters of a value that is typed
PARAM_FIELDS = (
    ParamField("system", "basic", "area", "messages", "system"),
    ParamField(
        "temperature",
        "basic",
        "number",
        "temperature",
        "temperature",
        (NumberRange(0, 2), NumberRange(0, 1)),
        step=0.1,
    ),
    ParamField("max_tokens", "basic", "integer", "max_tokens", "max_tokens", _same_range(1, 1_000_000), step=256),
    ParamField("size", "image", "choice", choices=_IMAGE_SIZE_CHOICES, images_name="size", accepts_others=True),
    ParamField("quality", "image", "choice", choices=IMAGE_QUALITIES, images_name="quality", accepts_others=True),
    ParamField("background", "image", "choice", choices=("transparent", "opaque"), images_name="background"),
    ParamField("image_format", "image", "choice", choices=("png", "jpeg", "webp"), images_name="output_format"),
    ParamField("moderation", "image", "choice", choices=("low",), images_name="moderation"),
    ParamField("effort", "thinking", "choice", "reasoning_effort", "output_config.effort", choices=EFFORT_LEVELS),
    ParamField("thinking", "thinking", "choice", "", "thinking", choices=("adaptive", "budget", "off")),
    ParamField(
        "budget",
        "thinking",
        "integer",
        "",
        "thinking.budget_tokens",
        _same_range(MIN_THINKING_BUDGET, 1_000_000),
        step=1024,
    ),
    ParamField("display", "thinking", "choice", "", "thinking.display", choices=("summarized", "omitted")),
    ParamField("top_p", "sampling", "number", "top_p", "top_p", _same_range(0, 1), step=0.05),
    ParamField("top_k", "sampling", "integer", "", "top_k", _same_range(1, 1_000_000)),
    ParamField("presence_penalty", "sampling", "number", "presence_penalty", "", _same_range(-2, 2), step=0.1),
    ParamField("frequency_penalty", "sampling", "number", "frequency_penalty", "", _same_range(-2, 2), step=0.1),
    ParamField("seed", "sampling", "integer", "seed", "", _same_range(-_MAX_SAFE_INTEGER, _MAX_SAFE_INTEGER)),
    ParamField("logit_bias", "sampling", "json", "logit_bias", ""),
    ParamField("stop", "output", "lines", "stop", "stop_sequences"),
    ParamField("n", "output", "integer", "n", "", _same_range(1, 128), images_name="n"),
    ParamField("format", "output", "choice", "response_format", "output_config.format", choices=("json", "schema")),
    ParamField("schema", "output", "json", "response_format", "output_config.format"),
    ParamField("verbosity", "output", "choice", "verbosity", "", choices=_SIZES),
    ParamField("web_search", "search", "switch", _OPTIONS, _TOOL),
    ParamField("search_context", "search", "choice", f"{_OPTIONS}.search_context_size", choices=_SIZES),
    ParamField("search_uses", "search", "integer", "", f"{_TOOL}.max_uses", _same_range(1, MAX_SEARCHES)),
    ParamField("search_domains", "search", "lines", "", f"{_TOOL}.allowed_domains"),
    ParamField("search_blocked", "search", "lines", "", f"{_TOOL}.blocked_domains"),
    ParamField("search_country", "search", "text", f"{_LOCATION}.country", f"{_TOOL}.user_location.country"),
    ParamField("search_city", "search", "text", f"{_LOCATION}.city", f"{_TOOL}.user_location.city"),
    ParamField("stream", "request", "switch", "stream", "stream", images_name="stream"),
    ParamField("cache", "request", "choice", "", "cache_control", choices=("5m", "1h", "off")),
    ParamField("prompt_cache_key", "request", "text", "prompt_cache_key", ""),
    ParamField("user", "request", "text", "user", "metadata.user_id", images_name="user"),
    ParamField("extra", "request", "json", "*", "*", images_name="*"),
)
FIELDS_BY_NAME = {field.name: field for field in PARAM_FIELDS}


@dataclass(frozen=True)
class ParamAdjustment:
    """A parameter that the target does not take as set: the rule, the names, and the value sent instead."""

    code: str
    param_names: str = ""
    value: str = ""


def clamp_params(wire: Wire, params: Params) -> tuple[Params, list[ParamAdjustment]]:
    """Return the parameters with all numbers in the range of the wire, and the adjustments."""
    changes: dict[str, Any] = {}
    for field in PARAM_FIELDS:
        value = getattr(params, field.name)
        is_off = is_search_param(field.name) and not params.web_search
        if field.ranges and field.wire_name(wire) and value is not None and not is_off:
            limits = field.range_for(wire)
            clamped = type(value)(min(max(value, limits.minimum), limits.maximum))
            if clamped != value:
                changes[field.name] = clamped
    return replace(params, **changes), [
        ParamAdjustment("clamped", name, f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in changes.items()
    ]


def changed_params(params: Params) -> list[str]:
    """Return the names of the parameters that are set, in the order of PARAM_FIELDS."""
    defaults = Params()
    return [name for name in FIELDS_BY_NAME if getattr(params, name) != getattr(defaults, name)]


def find_unsupported(wire: Wire, params: Params) -> list[ParamAdjustment]:
    """Return the set parameters without a field on the wire, or without a parameter that they require.

    Options of a web search that is off are not among them: they are kept for when it is on. So are those of images for
    a model that chats.
    """

    def is_kept(name: str) -> bool:
        return FIELDS_BY_NAME[name].group == "image" or (is_search_param(name) and not params.web_search)

    unsupported = [
        ParamAdjustment("automatic" if name == "cache" else "not_on_wire", name)
        for name in changed_params(params)
        if not FIELDS_BY_NAME[name].wire_name(wire) and not is_kept(name)
    ]
    if wire == "images":
        return unsupported
    is_schema_incomplete = (params.format == "schema") != bool(params.schema)
    return [*unsupported, ParamAdjustment("schema_needs", "schema")] if is_schema_incomplete else unsupported


def is_search_param(name: str) -> bool:
    """Return True for the switch and the options of a web search."""
    return FIELDS_BY_NAME[name].group == "search"


def parse_json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object as typed; {} for a blank text. Raises ValueError for anything else."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_reject_constant, parse_float=_parse_finite)
    except RecursionError:
        raise ValueError(text[:40]) from None
    if not isinstance(value, dict):
        raise ValueError(text[:40])
    return value


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _parse_finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _reject_constant(literal)


def merge_patch(body: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7386): objects are merged, null removes a field. Returns a copy."""
    result = dict(body)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = merge_patch(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


_PARAM_NAMES = frozenset(field.name for field in fields(Params))


def load_params(saved: Mapping[str, Any]) -> Params:
    """Build Params from saved JSON; names of other versions are ignored."""
    values = {key: value for key, value in saved.items() if key in _PARAM_NAMES}
    lists = {key: tuple(map(str, value)) for key, value in values.items() if isinstance(value, list)}
    return Params(**values | lists)


def parse_stop_sequences(text: str) -> tuple[str, ...]:
    r"""Parse stop sequences, one a line; `\n` and `\t` stand for line break and tab."""
    lines = (line.replace("\\n", "\n").replace("\\t", "\t") for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))
