"""Texts about an answer: thinking time, outcome, and the footer with model, speed, tokens and cost."""

from __future__ import annotations

from dataclasses import replace

from lib.core.conversation import ANSWER_LIMIT, Node, Outcome, ThinkingPart, Usage
from lib.core.usage import UsageTotal
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import cost, errors

OUTCOME_ICONS = {
    Outcome.COMPLETE: ":material/build:",
    Outcome.INTERRUPTED: ":material/link_off:",
    Outcome.STOPPED: ":material/stop_circle:",
    Outcome.LENGTH: ":material/content_cut:",
    Outcome.REFUSED: ":material/block:",
    Outcome.FILTERED: ":material/filter_alt:",
    Outcome.FAILED: ":material/error:",
    Outcome.EMPTY: ":material/chat_bubble_outline:",
}
# Finish reasons of a model that calls a tool; none are offered.
_TOOL_FINISH_REASONS = ("tool_calls", "tool_call", "tool_use", "function_call")
# An answer that arrived within this many seconds after its first token came in one piece and had no speed.
_MIN_STREAM_SECONDS = 0.2


def thinking_label(node: Node) -> str:
    """Return the label of an answer's thinking, with its duration if known."""
    first_token, first_text = node.timing.first_token, node.timing.first_text
    if first_token is None or first_text is None:
        return t("answer.thought_process")
    return t("answer.thought", seconds=max(1, round(first_text - first_token)))


def outcome_label(outcome: str) -> str:
    """Return the name of an outcome."""
    return t(f"outcome_label.{outcome}")


def outcome_message(node: Node) -> str:
    """Explain how an answer ended and what to do, as Markdown; "" for a complete answer."""
    key = f"{node.outcome}_preview" if _is_preview(node) else outcome_key(node)
    if key == Outcome.COMPLETE:
        return ""
    values = {
        "reasoning": node.usage.reasoning,
        "output": node.usage.output,
        "reason": escape_markdown(node.finish_reason[:80]),
    }
    message = t(f"outcome.{key}", saved=errors.saved_note(), **values)
    details = node.provider_metadata.get("stop_details")
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return f"{message} {escape_markdown(explanation)}" if isinstance(explanation, str) else message


def _is_preview(node: Node) -> bool:
    """Return True for an image that was not completed."""
    is_cut = node.outcome in (Outcome.INTERRUPTED, Outcome.STOPPED)
    return is_cut and node.message.has_content and bool(node.target and node.target.makes_images)


def outcome_key(node: Node) -> str:
    """Return the key of an answer's outcome message, below "outcome."."""
    has_text = node.message.has_content
    match node.outcome:
        case Outcome.LENGTH if node.finish_reason == ANSWER_LIMIT:
            return "answer_limit"
        case Outcome.LENGTH if node.finish_reason.lower() == "model_context_window_exceeded":
            return "context_full"
        case Outcome.LENGTH if not has_text and _may_have_thought(node):
            return "length_thinking"
        case Outcome.LENGTH if _is_mostly_thinking(node.usage):
            return "length_mostly_thinking"
        case Outcome.COMPLETE | Outcome.EMPTY if node.finish_reason.lower() in _TOOL_FINISH_REASONS:
            return "tool"
        case Outcome.INTERRUPTED if node.finish_reason.lower() == "pause_turn":
            return "paused"
        case Outcome.INTERRUPTED if node.finish_reason and not node.failure:
            return "interrupted_reason"
        case Outcome.INTERRUPTED if node.failure and node.failure.code == "no_last_word":
            return "doubtful"
        case Outcome.INTERRUPTED | Outcome.STOPPED if not has_text:
            return f"{node.outcome}_silent"
    return str(node.outcome)


def _may_have_thought(node: Node) -> bool:
    return node.usage.reasoning != 0 or any(isinstance(part, ThinkingPart) for part in node.message.parts)


def _is_mostly_thinking(usage: Usage) -> bool:
    """Return True if thinking took at least half of the output that the gateway counted."""
    reasoning, output = usage.reasoning or 0, usage.output or 0
    return bool(output) and output <= 2 * reasoning <= 2 * output


def format_footer(node: Node, usage_total: UsageTotal | None = None, *, include_metrics: bool = True) -> str:
    """Format an answer's footer as Markdown: model and wire, time to first token, speed, tokens, cost.

    Tokens and cost are those of `usage_total`, which covers all requests for the answer, if given.
    """
    parts: list[str] = []
    if node.target:
        parts += [f"**{escape_markdown(node.target.model)}**", t(f"wire.{node.target.wire}")]
    return " · ".join([*parts, *(list_metrics(node, usage_total) if include_metrics else ())])


def list_metrics(node: Node, usage_total: UsageTotal | None = None, *, include_duration: bool = False) -> list[str]:
    """Return time to first token, speed, tokens and cost of an answer as Markdown, and the time to its end.

    The time to the end is always among those of images.
    """
    parts: list[str] = []
    first, total = node.timing.first_token, node.timing.total
    if node.target and node.target.makes_images:
        # A preview is no token.
        first, include_duration = None, True
    if first is not None:
        parts.append(t("answer.first_token", seconds=first))
    if total is not None and include_duration:
        parts.append(t("answer.total_time", seconds=total))
    usage = node.usage
    if node.target and node.target.wire == "anthropic" and not node.finish_reason:
        # This wire reports the output with the finish reason; an earlier value is a placeholder.
        usage = replace(usage, output=None)
    if first is not None and total is not None and usage.output and total > first + _MIN_STREAM_SECONDS:
        parts.append(t("answer.speed", speed=usage.output / (total - first)))
    parts += _format_tokens(usage_total.usage if usage_total else usage)
    if usage_total:
        parts.append(escape_markdown(cost.cost_text(usage_total)))
    elif node.is_replay:
        parts.append(t("answer.replay"))
    return parts


def _format_tokens(usage: Usage) -> list[str]:
    if usage.input is None and usage.output is None:
        return [t("answer.tokens_unknown")]
    counts = (("answer.tokens_in", usage.input), ("answer.tokens_out", usage.output))
    return [t(key, count=count) for key, count in counts if count is not None]
