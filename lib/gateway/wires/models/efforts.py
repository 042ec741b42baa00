"""Levels of effort that models have, for the choice beside a model and for small tasks."""

from __future__ import annotations

import re
from dataclasses import replace

from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import EFFORT_LEVELS, Params
from lib.core.target import Target
from lib.gateway.wires.models import claude_rules
from lib.gateway.wires.models.quirks import is_openai_reasoning

_LOW_TO_HIGH = ("low", "medium", "high")
_FROM_NONE = ("none", *_LOW_TO_HIGH)

# The first pattern that matches a name. Source: OpenAI's model pages and guides, "Reasoning", "Using GPT-5.6" and
# the API description of `reasoning_effort`. Models with one level only have nothing to choose.
_OPENAI_EFFORTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE), efforts)
    for pattern, efforts in (
        (r"gpt-5(?:\.\d)?-chat|gpt-5-pro|o1-(?:mini|preview)", ()),
        (r"gpt-oss|o\d(?!\d)|gpt-5-codex|gpt-5\.1-codex(?!-max)", _LOW_TO_HIGH),
        (r"gpt-5\.1-codex-max|gpt-5\.[2-5]-codex", (*_LOW_TO_HIGH, "xhigh")),
        (r"gpt-5\.[2-5]-pro", ("medium", "high", "xhigh")),
        (r"gpt-5\.1(?!\d)", _FROM_NONE),
        (r"gpt-5\.[2-5](?!\d)", (*_FROM_NONE, "xhigh")),
        (r"gpt-5(?![.\d])", ("minimal", *_LOW_TO_HIGH)),
        (r"gpt-6-astra", (*_LOW_TO_HIGH, "xhigh", "max")),
        (r"gpt-(?:5\.[6-9]|[6-9])(?!\d)", (*_FROM_NONE, "xhigh", "max")),
    )
)


def list_efforts(target: Target, capabilities: Capabilities) -> tuple[str, ...]:
    """Return the levels that the model is known to have, the lowest first; () without a choice.

    The gateway's model list has priority over the name of the model.
    """
    if target.makes_images:
        return ()
    if capabilities.efforts is not None:
        efforts = tuple(level for level in EFFORT_LEVELS if level in capabilities.efforts)
    elif claude_rules.is_claude(target.model):
        efforts = _list_claude_efforts(target, capabilities)
    else:
        efforts = next((levels for pattern, levels in _OPENAI_EFFORTS if pattern.match(target.model)), ())
    return efforts if len(efforts) > 1 else ()


def with_least_thinking(target: Target, params: Params) -> Params:
    """Return the parameters of a small task, whose output limit has no room for thinking.

    They change only for models that are known to think by default.
    """
    rules = claude_rules.rules_of(target.model)
    efforts = list_efforts(target, UNKNOWN_CAPABILITIES)
    if target.wire == "anthropic" and rules.thinks_by_default and rules.off_type:
        return replace(params, thinking="off")
    thinks = rules.thinks_by_default if target.wire == "anthropic" else is_openai_reasoning(target.model)
    return replace(params, effort=efforts[0]) if thinks and efforts else params


def _list_claude_efforts(target: Target, capabilities: Capabilities) -> tuple[str, ...]:
    rules = claude_rules.rules_of(target.model, capabilities)
    if not rules.efforts:
        return ()
    if target.wire == "openai":
        return _LOW_TO_HIGH  # what gateways translate
    has_none = rules.thinks_by_default and rules.off_type
    return ("none", *rules.efforts) if has_none else rules.efforts
