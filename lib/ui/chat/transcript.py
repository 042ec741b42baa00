"""Paints a conversation: saved nodes with their tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node, Outcome, Usage
from lib.core.usage import Spent
from lib.core.user import Person
from lib.ui.chat import answer_actions, branch_actions, context_window
from lib.ui.chat.live_answer import thought
from lib.ui.markdown.sanitize import safe
from lib.ui.session import conversation_view, resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import cost, errors, scroll

# Every run paints the window again, and a saved text stays what it is.
kept = lru_cache(maxsize=512)(safe)

# What a model ends with that wants to use a tool; there is none here.
_TOOLS = ("tool_calls", "tool_use", "function_call")
# Seconds in which an answer came whole, so that it had no speed.
_AT_ONCE = 0.2
# The sign of each outcome that one quiet line tells; a failure has a face of its own.
_NOTES = {
    Outcome.COMPLETE: ":material/build:",
    Outcome.INTERRUPTED: ":material/link_off:",
    Outcome.STOPPED: ":material/stop_circle:",
    Outcome.LENGTH: ":material/content_cut:",
    Outcome.REFUSED: ":material/block:",
    Outcome.FILTERED: ":material/filter_alt:",
    Outcome.FAILED: ":material/error:",
    Outcome.EMPTY: ":material/chat_bubble_outline:",
}


def paint(person: Person, view: conversation_view.View) -> None:
    """The shown path from the window's start; the answer that is arriving is left to its own painter."""
    with st.empty():
        if view.first and st.button(t("answer.earlier"), key="earlier", icon=":material/expand_less:"):
            # What is read stays where it is, and not the elements that showed it.
            scroll.seek(view.nodes[view.first].id, mark=False)
            view.first = max(0, view.first - conversation_view.WINDOW)
            st.rerun()
    for node in view.nodes[view.first : view.end]:
        if node.message.role == "user":
            with context_window.above(person, view, node):
                question(person, view, node)
        elif not view.answer or node is not view.nodes[-1]:
            saved(person, view, node, last=node is view.nodes[-1])


def later(view: conversation_view.View) -> None:
    """The way to what follows, where the window ends before the path does."""
    if view.end and st.button(t("answer.later"), key="later", icon=":material/expand_more:"):
        view.end = end if (end := view.end + conversation_view.WINDOW) < len(view.nodes) else None
        st.rerun()


def paint_read_only(nodes: Sequence[Node]) -> None:
    """Messages to read, without anything to do."""
    for node in nodes:
        if node.message.role == "user":
            with st.container(key=f"asked-{node.id}"):
                _words(node)
        else:
            with bubble(node):
                st.markdown(kept(node.message.text))
                if words := _note(node):
                    st.caption(f"{_NOTES[node.outcome]} {words}")
                st.caption(foot(node, told=False))


def sweep(count: int) -> None:
    """Clear what the run before left below, when it painted more than these `count` messages.

    Streamlit itself clears it at the end of a run only, and a run can last as long as an answer.
    """
    for _ in range(st.session_state.get("painted", 0) - count):
        st.empty()
    st.session_state["painted"] = count


def question(person: Person, view: conversation_view.View, node: Node) -> None:
    """A question with what can be done with it, or with its text in a box while it is edited."""
    with st.container(key=f"asked-{node.id}"):
        if branch_actions.edited(node):
            branch_actions.paint_edit(person, node)
            return
        _words(node)
        branch_actions.question_tools(person, view, node)


def _words(node: Node) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(kept(node.message.text))


def bubble(node: Node) -> DeltaGenerator:
    """The place of an answer, the same while it comes and ever after."""
    with st.container(key=f"answer-{node.id}"):
        return st.chat_message("assistant", avatar=resources.LOGO)


def saved(person: Person, view: conversation_view.View, node: Node, *, last: bool) -> None:
    """An answer that has ended, built as one that was painted while it came: a slot, and the whole."""
    place = bubble(node)
    place.empty()
    answer(person, view, node, place, last=last)


def answer(
    person: Person, view: conversation_view.View, node: Node, place: DeltaGenerator, *, last: bool
) -> None:
    """One answer as it ended: thinking, text, how it ended, its foot, and what can be done with it."""
    with place.container():
        if node.message.thinking:
            with st.status(thought(node), state="complete", type="compact"):
                st.markdown(kept(node.message.thinking))
        if node.message.text:
            st.markdown(kept(node.message.text))
        if node.outcome is Outcome.FAILED:
            errors.paint(node.failure, silent=not node.message.parts)
        elif words := _note(node):
            st.caption(f"{_NOTES[node.outcome]} {words}")
            errors.paint_details(node.failure)
        told = node.outcome is not Outcome.FAILED or node.message.parts
        answer_actions.paint(
            person, view, node, foot(node, view.sums.get(node.id)) if told else "", last=last
        )


def _note(node: Node) -> str:
    """How an answer ended, and what to do, in words; "" where that need not be said."""
    name = _name(node)
    if name == Outcome.COMPLETE:
        return ""
    words = t(f"outcome.{name}")
    why = node.served.get("stop_details")
    explanation = why.get("explanation") if isinstance(why, dict) else None
    return f"{words} {literal(explanation)}" if isinstance(explanation, str) else words


def _name(node: Node) -> str:
    said = bool(node.message.text.strip())
    match node.outcome:
        case Outcome.LENGTH if node.reason == "model_context_window_exceeded":
            return "context_full"
        case Outcome.LENGTH if not said:
            return "length_thinking"
        case Outcome.COMPLETE | Outcome.EMPTY if node.reason in _TOOLS:
            return "tool"
        case Outcome.INTERRUPTED if node.reason == "pause_turn":
            return "paused"
        case Outcome.INTERRUPTED if node.failure and node.failure.code == "no_last_word":
            return "doubtful"
        case Outcome.INTERRUPTED | Outcome.STOPPED if not said:
            return f"{node.outcome}_silent"
    return str(node.outcome)


def foot(node: Node, spent: Spent | None = None, *, told: bool = True) -> str:
    """Model and wire, and what was `told`: time to first token, speed, tokens in and out, as far as known.

    Tokens and money are those of all requests for the answer, where these were counted.
    """
    facts: list[str] = []
    if node.target:
        facts += [f"**{literal(node.target.model)}**", t(f"wire.{node.target.wire}")]
    if not told:
        return " · ".join(facts)
    first, total = node.timing.first, node.timing.total
    if first is not None:
        facts.append(t("answer.first", seconds=first))
    usage = node.usage
    if node.target and node.target.wire == "anthropic" and not node.reason:
        # That wire counts what it will have said with its last word; before, it is a guess.
        usage = replace(usage, output=None)
    if first is not None and total is not None and usage.output and total > first + _AT_ONCE:
        facts.append(t("answer.speed", speed=usage.output / (total - first)))
    facts += _tokens(spent.usage if spent else usage)
    return " · ".join([*facts, literal(cost.words(spent))] if spent else facts)


def _tokens(usage: Usage) -> list[str]:
    if usage.input is None and usage.output is None:
        return [t("answer.tokens_unknown")]
    named = (("answer.tokens_in", usage.input), ("answer.tokens_out", usage.output))
    return [t(key, count=count) for key, count in named if count is not None]
