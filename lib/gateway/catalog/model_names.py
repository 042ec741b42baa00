"""Names that gateways give a model, and look-ups by any of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_DATE_SUFFIX = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# Ids of Bedrock: us.anthropic.claude-…-v1:0.
_BEDROCK_PREFIX = re.compile(r"^(?:[a-z]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\.")
_BEDROCK_REVISION = re.compile(r"-v\d+(:\d+)?$")
# Suffixes by which gateways set the reasoning effort of the same model.
_EFFORT_SUFFIX = re.compile(r"^((?:gpt-|o\d|claude-).*?)-(?:none|minimal|low|medium|high|xhigh)$")
_THINKING_SUFFIX = re.compile(r"^((?:claude-|gemini-).*?)-(?:no)?thinking$")


def group_by_name(entries: Iterable[tuple[str, T]]) -> tuple[dict[str, list[T]], dict[str, list[T]]]:
    """Return the values by name, and by name without its release date."""
    exact: defaultdict[str, list[T]] = defaultdict(list)
    undated: defaultdict[str, list[T]] = defaultdict(list)
    for name, value in entries:
        exact[name].append(value)
        undated[_strip_date(name)].append(value)
    return exact, undated


def find_by_model_id(indexes: Sequence[Callable[[str], T | None]], model_id: str) -> T | None:
    """Return the value of the model's likeliest name in the first index that has one; None without one.

    An index is a look-up by name, such as the `get` of a mapping.
    """
    names = list(_candidate_names(model_id))
    values = (index(name) for index in indexes for name in names)
    return next((value for value in values if value is not None), None)


def normalize_model_id(model_id: str) -> str:
    """Return the id in lower case, without folders and Bedrock's affixes, and with 4.5 as 4-5."""
    name = model_id.strip().casefold().rsplit("/", 1)[-1]
    if _BEDROCK_PREFIX.match(name):
        name = _BEDROCK_REVISION.sub("", _BEDROCK_PREFIX.sub("", name))
    return re.sub(r"(?<=\d)\.(?=\d)", "-", name)


def _candidate_names(model_id: str) -> Iterator[str]:
    """Names under which the library may have the model, the likeliest first."""
    name = normalize_model_id(model_id)
    yield name
    for suffix in (_EFFORT_SUFFIX, _THINKING_SUFFIX):
        name = suffix.sub(r"\1", name)
        yield name
    yield _strip_date(name)


def _strip_date(name: str) -> str:
    return _DATE_SUFFIX.sub("", name)
