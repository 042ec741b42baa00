"""Paints a conversation: saved nodes with their tools."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.types import Node, Outcome, Usage
from lib.ui import problem, state
from lib.ui.markdown import safe
from lib.ui.stream import thought
from lib.ui.text import literal, t

# Every run paints the window again, and a saved text stays what it is.
kept = lru_cache(maxsize=512)(safe)

# Outcomes that one quiet line tells; the others have a face of their own.
_NOTES = {
    Outcome.STOPPED: ":material/stop_circle:",
    Outcome.LENGTH: ":material/content_cut:",
    Outcome.REFUSED: ":material/block:",
    Outcome.FILTERED: ":material/filter_alt:",
    Outcome.EMPTY: ":material/chat_bubble_outline:",
}


def paint(view: state.View, retry: Callable[[], None]) -> None:
    """The shown path from the window's start; the answer that is arriving is left to its own painter."""
    with st.empty():
        if view.first and st.button(t("answer.earlier"), key="earlier", icon=":material/expand_less:"):
            view.first = max(0, view.first - state.WINDOW)
            st.rerun()
    shown = view.nodes[view.first :]
    for place, node in enumerate(shown):
        if node.message.role == "user":
            question(node)
        elif not view.answer or node is not view.nodes[-1]:
            saved(node, retry if place == len(shown) - 1 else None)


def sweep(count: int) -> None:
    """Clear what the run before left below, when it painted more than these `count` messages.

    Streamlit itself clears it at the end of a run only, and a run can last as long as an answer.
    """
    for _ in range(st.session_state.get("painted", 0) - count):
        st.empty()
    st.session_state["painted"] = count


def question(node: Node) -> None:
    with st.container(key=f"asked-{node.id}"), st.chat_message("user", avatar=":material/person:"):
        st.markdown(kept(node.message.text))


def bubble(node: Node) -> DeltaGenerator:
    """The place of an answer, the same while it comes and ever after."""
    with st.container(key=f"answer-{node.id}"):
        return st.chat_message("assistant", avatar=state.LOGO)


def saved(node: Node, retry: Callable[[], None] | None) -> None:
    """An answer that has ended, built as one that was painted while it came: a slot, and the whole."""
    place = bubble(node)
    place.empty()
    answer(node, place, retry)


def answer(node: Node, place: DeltaGenerator, retry: Callable[[], None] | None) -> None:
    """One answer as it ended: thinking, text, how it ended, its foot; Retry where `retry` is given."""
    with place.container():
        _answer(node, retry)


def _answer(node: Node, retry: Callable[[], None] | None) -> None:
    if node.message.thinking:
        with st.status(thought(node), state="complete", type="compact"):
            st.markdown(kept(node.message.thinking))
    if node.message.text:
        st.markdown(kept(node.message.text))
    if node.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
        problem.paint(node.outcome, node.failure)
        again = node.failure is None or node.failure.retry
        if retry and again:
            st.button(t("answer.retry"), key="retry", icon=":material/refresh:", on_click=retry)
    elif node.outcome in _NOTES:
        st.caption(f"{_NOTES[node.outcome]} {_note(node)}")
    if node.outcome is not Outcome.FAILED or node.message.parts:
        st.caption(foot(node))


def _note(node: Node) -> str:
    if node.outcome is Outcome.LENGTH and not node.message.text.strip():
        return t("outcome.length_thinking")
    return t(f"outcome.{node.outcome}")


def foot(node: Node) -> str:
    """Model, wire, time to first token, speed, tokens in and out: what is known of them."""
    facts: list[str] = []
    if node.target:
        facts += [f"**{literal(node.target.model)}**", t(f"wire.{node.target.wire}")]
    first, total = node.timing.first, node.timing.total
    if first is not None:
        facts.append(t("answer.first", seconds=first))
    if first is not None and total is not None and node.usage.output and total > first:
        facts.append(t("answer.speed", speed=node.usage.output / (total - first)))
    return " · ".join(facts + _tokens(node.usage))


def _tokens(usage: Usage) -> list[str]:
    if usage.input is None and usage.output is None:
        return [t("answer.tokens_unknown")]
    named = (("answer.tokens_in", usage.input), ("answer.tokens_out", usage.output))
    return [t(key, count=count) for key, count in named if count is not None]
