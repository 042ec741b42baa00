"""Parameters that a model has refused: learnt from its gateway's answer, and left out of later requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lib.core.params import PARAM_FIELDS
from lib.core.target import Target, Wire

# The key in the metadata of an answer of the changes with which its request was sent again.
SENT_AGAIN = "sent_again"
MAX_WORDS_LENGTH = 300  # characters kept of the gateway's words

# The names of one limit on OpenAI's wire: a refused one is replaced by the other, so that the limit holds.
_LIMIT_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# Objects that make no sense without any one of their fields.
_UNITS = ("thinking", "response_format", "logit_bias", "reasoning")
_FIELDS_WITHIN_UNITS = ("thinking.display",)  # but for these
# Fields without which there is no request, or another one than the user wants.
_REQUIRED_FIELDS: dict[Wire, tuple[str, ...]] = {
    "openai": ("model", "messages", "stream", "system"),
    "anthropic": ("model", "messages", "stream", "system", "max_tokens"),
    "images": ("model", "prompt", "image", "mask"),
}
# Fields that are sent without a parameter of their own, or by Extra JSON; no others are learnt, so that the
# list stays as long as the two formats.
_OTHER_FIELDS = (
    *("stream_options", "stream_options.include_usage", "max_completion_tokens", "thinking.display", "metadata"),
    *("safety_identifier", "verbosity", "text.verbosity", "prompt_cache_key", "prompt_cache_retention", "service_tier"),
    *("parallel_tool_calls", "logprobs", "top_logprobs", "min_p", "repetition_penalty", "store", "output_config"),
    *("web_search_options", "reasoning", "modalities", "prediction", "context_management", "top_k"),
    *("partial_images", "response_format", "input_fidelity", "output_compression"),
)
_PARAM_BY_OTHER_FIELD = {
    **{"max_completion_tokens": "max_tokens", "metadata": "user", "safety_identifier": "user"},
    **{"output_config": "effort", "thinking.display": "display", "text.verbosity": "verbosity"},
}
_PARAM_NAMES = {field.name for field in PARAM_FIELDS}


@dataclass(frozen=True)
class FieldRefusal:
    """A field of a request that an error calls unsupported, as it spells it; `beside` is refused with it only.

    With `is_any_value`, the error rules out every value but the default.
    """

    name: str
    beside: str = ""
    words: str = ""
    is_any_value: bool = False


@dataclass(frozen=True)
class RefusedParam:
    """A field that a target refused at a time in seconds since 1970, with the gateway's words.

    `field` is its path in the request's JSON. With `beside`, it is refused only together with that field.
    """

    target: Target
    field: str
    beside: str = ""
    refused_at: float = 0.0
    words: str = ""

    @property
    def param_name(self) -> str:
        """The parameter of that field; "" for a field without one."""
        return param_of_field(self.target.wire, self.field)


class RefusedParamMemory(Protocol):
    """The parameters that targets are known to refuse, shared by the whole team."""

    def find(self, target: Target) -> Sequence[RefusedParam]:
        """Return what the target refuses; () where that cannot be read."""

    def learn(self, refused: RefusedParam) -> None:
        """Keep a refusal; a failure to store it is logged, and does not end the answer."""


class NoMemory:
    """Memory that knows nothing and keeps nothing."""

    def find(self, target: Target) -> Sequence[RefusedParam]:
        return ()

    def learn(self, refused: RefusedParam) -> None:
        pass


NO_MEMORY = NoMemory()


def param_of_field(wire: Wire, path: str) -> str:
    """Return the name of the parameter behind a field of the request; "" for a field without one."""
    for field in PARAM_FIELDS:
        if path and field.name != "extra" and field.wire_name(wire) == path:
            return field.name
    name = _PARAM_BY_OTHER_FIELD.get(path, path)
    return name if name in _PARAM_NAMES and name not in ("system", "extra", "stream") else ""


def is_learnable(wire: Wire, path: str) -> bool:
    """Return True for a field that may be left out, and is one of the wire's own."""
    if not path or path in _REQUIRED_FIELDS[wire] or path == "tools":
        return False
    known = {field.wire_name(each) for field in PARAM_FIELDS for each in _REQUIRED_FIELDS}
    return any(f"{name}.".startswith(f"{path}.") for name in known | set(_OTHER_FIELDS))


def removable_field(path: str) -> str:
    """Return the field to leave out for a refused one: all of an object that makes no sense without it."""
    unit = path.partition(".")[0]
    return unit if unit in _UNITS and path not in _FIELDS_WITHIN_UNITS else path


def leave_out(body: Mapping[str, Any], refused: Iterable[RefusedParam]) -> tuple[dict[str, Any], list[RefusedParam]]:
    """Return the body without the refused fields, and the refusals that changed it.

    On OpenAI's wire a limit of the answer keeps its value under its other name, unless that is refused too.
    """
    result, applied = dict(body), []
    rules = list(refused)
    refused_fields = {rule.field for rule in rules if not rule.beside}
    for rule in rules:
        if not has_field(result, rule.field) or (rule.beside and not has_field(result, rule.beside)):
            continue
        other_name = _LIMIT_NAMES.get(rule.field)
        limit = result.get(rule.field)
        result = _without_field(result, rule.field)
        if rule.target.makes_images and rule.field == "stream":
            result = _without_field(result, "partial_images")  # which only a stream has
        is_other_accepted = other_name not in refused_fields and other_name != rule.beside
        if other_name and rule.target.wire == "openai" and is_other_accepted:
            result.setdefault(other_name, limit)
        applied.append(rule)
    return result, applied


def has_field(body: Mapping[str, Any], path: str) -> bool:
    """Return True if the body has a field at the path."""
    value: Any = body
    for name in path.split("."):
        if isinstance(value, list):
            value = {item["name"]: item for item in value if _is_item_named(item, name)}
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _is_item_named(item: Any, name: str) -> bool:
    """Return True for an item of a list of objects that a path means by its name, such as a tool."""
    return isinstance(item, Mapping) and item.get("name") == name


def _without_field(body: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a copy without the field, and without an object or a list that it leaves empty."""
    name, _, rest = path.partition(".")
    result = dict(body)
    inner = result.pop(name, None)
    if rest and isinstance(inner, list):
        remaining: Any = _without_item(inner, *rest.partition(".")[::2])
    else:
        remaining = _without_field(inner, rest) if rest and isinstance(inner, Mapping) else None
    return {**result, name: remaining} if remaining else result


def _without_item(items: Sequence[Any], name: str, rest: str) -> list[Any]:
    """Return the items of a list without the one of that name, or without a field of it."""
    if not rest:
        return [item for item in items if not _is_item_named(item, name)]
    return [_without_field(item, rest) if _is_item_named(item, name) else item for item in items]
