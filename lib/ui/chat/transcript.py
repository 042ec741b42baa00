"""Paints a conversation: saved nodes with their tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node, Outcome, Usage
from lib.core.usage import UsageTotal
from lib.core.user import User
from lib.ui.chat import answer_actions, branch_actions, context_window
from lib.ui.chat.live_answer import thinking_label
from lib.ui.markdown.sanitize import sanitize
from lib.ui.session import conversation_view, resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import cost, errors, scroll

# Every run paints the window again, and a saved text stays what it is.
sanitize_cached = lru_cache(maxsize=512)(sanitize)

# What a model ends with that wants to use a tool; there is none here.
_TOOL_FINISH_REASONS = ("tool_calls", "tool_use", "function_call")
# Seconds in which an answer came whole, so that it had no speed.
_MIN_STREAM_SECONDS = 0.2
# The sign of each outcome that one quiet line tells; a failure has a face of its own.
_OUTCOME_ICONS = {
    Outcome.COMPLETE: ":material/build:",
    Outcome.INTERRUPTED: ":material/link_off:",
    Outcome.STOPPED: ":material/stop_circle:",
    Outcome.LENGTH: ":material/content_cut:",
    Outcome.REFUSED: ":material/block:",
    Outcome.FILTERED: ":material/filter_alt:",
    Outcome.FAILED: ":material/error:",
    Outcome.EMPTY: ":material/chat_bubble_outline:",
}


def render(user: User, view: conversation_view.ConversationView) -> None:
    """The shown path from the window's start; the answer that is arriving is left to its own painter."""
    with st.empty():
        if view.start and st.button(t("answer.earlier"), key="earlier", icon=":material/expand_less:"):
            # What is read stays where it is, and not the elements that showed it.
            scroll.request_scroll(view.nodes[view.start].id, highlight=False)
            view.start = max(0, view.start - conversation_view.PAGE_SIZE)
            st.rerun()
    for node in view.nodes[view.start : view.end]:
        if node.message.role == "user":
            with context_window.truncation_line(user, view, node):
                render_question(user, view, node)
        elif not view.generation or node is not view.nodes[-1]:
            render_finished_answer(user, view, node, is_last=node is view.nodes[-1])


def render_later_button(view: conversation_view.ConversationView) -> None:
    """The way to what follows, where the window ends before the path does."""
    if view.end and st.button(t("answer.later"), key="later", icon=":material/expand_more:"):
        view.end = end if (end := view.end + conversation_view.PAGE_SIZE) < len(view.nodes) else None
        st.rerun()


def render_read_only(nodes: Sequence[Node]) -> None:
    """Messages to read, without anything to do."""
    for node in nodes:
        if node.message.role == "user":
            with st.container(key=f"asked-{node.id}"):
                _render_question_text(node)
        else:
            with create_answer_bubble(node):
                st.markdown(sanitize_cached(node.message.text))
                if words := _outcome_message(node):
                    st.caption(f"{_OUTCOME_ICONS[node.outcome]} {words}")
                st.caption(format_footer(node, include_metrics=False))


def clear_stale_elements(count: int) -> None:
    """Clear what the run before left below, when it painted more than these `count` messages.

    Streamlit itself clears it at the end of a run only, and a run can last as long as an answer.
    """
    for _ in range(session_state.rendered_message_count - count):
        st.empty()
    session_state.rendered_message_count = count


def render_question(user: User, view: conversation_view.ConversationView, node: Node) -> None:
    """A question with what can be done with it, or with its text in a box while it is edited."""
    with st.container(key=f"asked-{node.id}"):
        if branch_actions.is_editing(node):
            branch_actions.render_editor(user, node)
            return
        _render_question_text(node)
        branch_actions.render_question_actions(user, view, node)


def _render_question_text(node: Node) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(sanitize_cached(node.message.text))


def create_answer_bubble(node: Node) -> DeltaGenerator:
    """The place of an answer, the same while it comes and ever after."""
    with st.container(key=f"answer-{node.id}"):
        return st.chat_message("assistant", avatar=resources.LOGO)


def render_finished_answer(
    user: User, view: conversation_view.ConversationView, node: Node, *, is_last: bool
) -> None:
    """An answer that has ended, built as one that was painted while it came: a slot, and the whole."""
    place = create_answer_bubble(node)
    place.empty()
    render_answer(user, view, node, place, is_last=is_last)


def render_answer(
    user: User,
    view: conversation_view.ConversationView,
    node: Node,
    answer_slot: DeltaGenerator,
    *,
    is_last: bool,
) -> None:
    """One answer as it ended: thinking, text, how it ended, its foot, and what can be done with it."""
    with answer_slot.container():
        if node.message.thinking:
            with st.status(thinking_label(node), state="complete", type="compact"):
                st.markdown(sanitize_cached(node.message.thinking))
        if node.message.text:
            st.markdown(sanitize_cached(node.message.text))
        if node.outcome is Outcome.FAILED:
            errors.render(node.failure, is_empty=not node.message.parts)
        elif words := _outcome_message(node):
            st.caption(f"{_OUTCOME_ICONS[node.outcome]} {words}")
            errors.render_details(node.failure)
        told = node.outcome is not Outcome.FAILED or node.message.parts
        answer_actions.render(
            user,
            view,
            node,
            format_footer(node, view.usage_by_node.get(node.id)) if told else "",
            is_last=is_last,
        )


def _outcome_message(node: Node) -> str:
    """How an answer ended, and what to do, in words; "" where that need not be said."""
    name = _outcome_key(node)
    if name == Outcome.COMPLETE:
        return ""
    words = t(f"outcome.{name}", saved=errors.saved_note())
    why = node.provider_metadata.get("stop_details")
    explanation = why.get("explanation") if isinstance(why, dict) else None
    return f"{words} {escape_markdown(explanation)}" if isinstance(explanation, str) else words


def _outcome_key(node: Node) -> str:
    said = bool(node.message.text.strip())
    match node.outcome:
        case Outcome.LENGTH if node.finish_reason == "model_context_window_exceeded":
            return "context_full"
        case Outcome.LENGTH if not said:
            return "length_thinking"
        case Outcome.COMPLETE | Outcome.EMPTY if node.finish_reason in _TOOL_FINISH_REASONS:
            return "tool"
        case Outcome.INTERRUPTED if node.finish_reason == "pause_turn":
            return "paused"
        case Outcome.INTERRUPTED if node.failure and node.failure.code == "no_last_word":
            return "doubtful"
        case Outcome.INTERRUPTED | Outcome.STOPPED if not said:
            return f"{node.outcome}_silent"
    return str(node.outcome)


def format_footer(node: Node, usage_total: UsageTotal | None = None, *, include_metrics: bool = True) -> str:
    """Model and wire, and what was `told`: time to first token, speed, tokens in and out, as far as known.

    Tokens and money are those of all requests for the answer, where these were counted.
    """
    facts: list[str] = []
    if node.target:
        facts += [f"**{escape_markdown(node.target.model)}**", t(f"wire.{node.target.wire}")]
    if not include_metrics:
        return " · ".join(facts)
    first, total = node.timing.first, node.timing.total
    if first is not None:
        facts.append(t("answer.first", seconds=first))
    usage = node.usage
    if node.target and node.target.wire == "anthropic" and not node.finish_reason:
        # That wire counts what it will have said with its last word; before, it is a guess.
        usage = replace(usage, output=None)
    if first is not None and total is not None and usage.output and total > first + _MIN_STREAM_SECONDS:
        facts.append(t("answer.speed", speed=usage.output / (total - first)))
    facts += _format_tokens(usage_total.usage if usage_total else usage)
    return " · ".join([*facts, escape_markdown(cost.cost_text(usage_total))] if usage_total else facts)


def _format_tokens(usage: Usage) -> list[str]:
    if usage.input is None and usage.output is None:
        return [t("answer.tokens_unknown")]
    named = (("answer.tokens_in", usage.input), ("answer.tokens_out", usage.output))
    return [t(key, count=count) for key, count in named if count is not None]
