"""Output limits that a refusal names: the maximum of the model, or what the prompt leaves of the context window."""

from __future__ import annotations

import re

MIN_REMAINING_TOKENS = 1024  # of the context window; with less, the conversation is too long
_FIELD = r"max[_ ]?(?:(?:completion|output|new)[_ ]?)?tokens(?:toSample)?[`'\"]?"

# A number after these words is the maximum. Sources are errors of the vendors, as quoted in public reports.
_MAXIMA = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"{_FIELD}\W{{0,3}}\d+ ?> ?(?P<maximum>\d+)",  # Anthropic
        r"supports? at most (?P<maximum>\d+) (?:completion |output )?tokens",  # OpenAI
        # DeepSeek, DashScope, Gemini
        rf"range (?:of|for) [`'\"]?{_FIELD}.{{0,20}}?\[\d+, ?(?P<maximum>\d+)\]",
        rf"{_FIELD}.{{0,60}}?range.{{0,12}}?(?:from |\[)\d+(?: \(inclusive\))?(?: to |, ?)"
        r"(?P<maximum>\d+)(?P<exclusive> \(exclusive\))?",
        # Bedrock, Groq, Mistral, Cohere
        rf"(?:{_FIELD}|maximum tokens|output tokens).{{0,60}}?(?:limit of|(?:less|lower|smaller) than or equal to"
        r"|at most|no more than|cannot exceed|must not exceed|<=|≤) ?[`'\"]?(?P<maximum>\d+)",
        rf"{_FIELD}.{{0,20}}?(?:最大(?:值|为|是|值为|值是)?|不(?:能|得|可)?(?:超过|大于)|上限(?:为|是)?|小于等于)\D{{0,4}}"
        r"(?P<maximum>\d+)",
    )
)
# Context window and prompt, where both and the limit are named: Anthropic, and two of vLLM.
_REMAINDERS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"{_FIELD} exceed context limit: (?P<prompt>\d+) \+ \d+ > (?P<window>\d+)",
        r"\(\d+ > (?P<window>\d+) - (?P<prompt>\d+)\)",
        r"context length is (?P<window>\d+) tokens.{0,80}?\d+ output tokens.{0,60}?(?P<prompt>\d+) input tokens",
    )
)


def find_stated_limit(words: str, sent: int) -> int | None:
    """Return the output limit in tokens that a refusal of `sent` allows; None if it names none that is lower."""
    for pattern in _REMAINDERS:
        if match := pattern.search(words):
            remaining = int(match["window"]) - int(match["prompt"])
            return remaining if MIN_REMAINING_TOKENS <= remaining < sent else None
    for pattern in _MAXIMA:
        if match := pattern.search(words):
            limit = int(match["maximum"]) - bool(match.groupdict().get("exclusive"))
            return limit if 0 < limit < sent else None
    return None
