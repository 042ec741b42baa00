"""Rules of Claude models: thinking, effort and output limit, by the gateway's model list, else by the model's name.

Sources: platform.claude.com, "Thinking" (table per model), "Troubleshooting thinking", "Effort" and the models'
overview pages, as of November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import EFFORT_LEVELS

DEFAULT_OUTPUT_LIMIT = 8192  # tokens; what gateways fill in for Claude
# From Claude 5 on, thinking is on unless turned off, and counts towards the limit.
THINKING_OUTPUT_LIMIT = 32_000

_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.IGNORECASE)
_CLAUDE_FAMILY = re.compile(r"fable|mythos|opus|sonnet|haiku", re.IGNORECASE)
_LOW_TO_HIGH = ("low", "medium", "high")
_ALL_EFFORTS = (*_LOW_TO_HIGH, "xhigh", "max")
_ALL_TYPES = frozenset(("adaptive", "enabled", "disabled"))
# Maxima of models whose limits change no more, by the first version that they hold for.
_OUTPUT_LIMITS = (
    ((3, 7), 64_000),
    ((3, 5), 8192),
    ((0, 1), 4096),
)


@dataclass(frozen=True)
class ClaudeRules:
    """Values that a model accepts: `thinking_types` of `thinking.type`, `efforts` of effort, None for any.

    `thinks_by_default` is set where thinking is on without a `thinking` field, `omits_thinking` where its text
    is left out without a `display` field, `limits_effort_when_off` where thinking can be off up to effort
    "high" only.
    """

    thinking_types: frozenset[str] = _ALL_TYPES
    efforts: tuple[str, ...] | None = None
    thinks_by_default: bool = False
    omits_thinking: bool = False
    limits_effort_when_off: bool = False

    @property
    def off_type(self) -> str:
        """The `thinking.type` that turns thinking off; "" where the model always thinks, or never."""
        return next((name for name in ("disabled", "between_tools") if name in self.thinking_types), "")

    @property
    def thinks_always(self) -> bool:
        return not self.off_type and bool(self.thinking_types)

    def nearest_effort(self, effort: str) -> str:
        """Return the highest accepted level up to `effort`, else the lowest; "" if the model has no effort."""
        if self.efforts is None or effort in self.efforts:
            return effort
        rank = EFFORT_LEVELS.index(effort)
        lower = [level for level in self.efforts if EFFORT_LEVELS.index(level) <= rank]
        return lower[-1] if lower else next(iter(self.efforts), "")


def is_claude(model: str) -> bool:
    """Return True if the model's name contains "claude"; vendor folders like `anthropic/` do not count."""
    return "claude" in model.rsplit("/", 1)[-1].lower()


def claude_version(model: str) -> tuple[int, int]:
    """Major and minor version in the name of a Claude model, e.g. (4, 6); (0, 0) without one."""
    match = _CLAUDE_VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match and is_claude(model) else (0, 0)


def rules_of(model: str, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> ClaudeRules:
    """Return the rules of a model on Anthropic's wire; of one that is no Claude, those that allow everything."""
    rules = _rules_by_name(model)
    if capabilities.thinking_modes is not None:
        rules = replace(rules, thinking_types=frozenset(capabilities.thinking_modes))
    if capabilities.efforts is not None:
        known = set(capabilities.efforts)
        rules = replace(rules, efforts=tuple(level for level in EFFORT_LEVELS if level in known))
    return rules


def is_before_claude_4_7(model: str) -> bool:
    """Return True for Claude up to 4.6, and for other models: they take sampling parameters."""
    return not _is_mythos_preview(model) and claude_version(model) <= (4, 6)


def max_output_tokens(model: str, capabilities: Capabilities) -> int | None:
    """Return the most output tokens that a model generates, thinking included; None if unknown."""
    if capabilities.max_output_tokens:
        return capabilities.max_output_tokens
    version = claude_version(model)
    if version == (0, 0) or version >= (4, 6):
        return None
    # Opus 4 and 4.1 are below the other models of their generation.
    if family(model) == "opus" and (4, 0) <= version <= (4, 1):
        return 32_000
    return next((limit for first, limit in _OUTPUT_LIMITS if version >= first), None)


def default_output_limit(model: str, capabilities: Capabilities, thinking_budget: int = 0) -> int:
    """Return the `max_tokens` of a request that sets none: the model's own maximum where it is known.

    Else 32,000 for Claude 5 and later, and 8,192, each plus the thinking budget; never more than the model
    generates.
    """
    if capabilities.max_output_tokens:
        return capabilities.max_output_tokens
    is_thinking = claude_version(model) >= (5, 0) or _is_mythos_preview(model)
    default = (THINKING_OUTPUT_LIMIT if is_thinking else DEFAULT_OUTPUT_LIMIT) + thinking_budget
    return min(default, max_output_tokens(model, capabilities) or default)


def family(model: str) -> str:
    """Return the family in the name of a Claude model, e.g. "opus"; "" without one."""
    match = _CLAUDE_FAMILY.search(model.rsplit("/", 1)[-1])
    return match[0].lower() if match else ""


def _is_mythos_preview(model: str) -> bool:
    return is_claude(model) and "mythos-preview" in model.lower()


def _rules_by_name(model: str) -> ClaudeRules:
    version = claude_version(model)
    if _is_mythos_preview(model):
        types = frozenset(("adaptive", "enabled"))
        return ClaudeRules(types, (*_LOW_TO_HIGH, "max"), thinks_by_default=True, omits_thinking=True)
    if version == (0, 0):
        return ClaudeRules()
    if version < (3, 7):
        return ClaudeRules(frozenset(), ())
    if version < (4, 6):
        has_effort = family(model) == "opus" and version >= (4, 5)
        return ClaudeRules(frozenset(("enabled", "disabled")), _LOW_TO_HIGH if has_effort else ())
    if version < (4, 7):
        return ClaudeRules(_ALL_TYPES, (*_LOW_TO_HIGH, "max"))
    if version < (5, 0):
        return ClaudeRules(frozenset(("adaptive", "disabled")), _ALL_EFFORTS, omits_thinking=True)
    return _rules_from_claude_5(family(model), is_5_5=version >= (5, 5))


def _rules_from_claude_5(family: str, *, is_5_5: bool) -> ClaudeRules:
    off_type = "disabled"
    if family in ("fable", "mythos") or (family == "opus" and is_5_5):
        off_type = ""
    elif family == "sonnet" and is_5_5:
        off_type = "between_tools"
    return ClaudeRules(
        frozenset(("adaptive", off_type)) - {""},
        _ALL_EFFORTS,
        thinks_by_default=True,
        omits_thinking=True,
        limits_effort_when_off=family != "sonnet" or is_5_5,
    )
