"""One column of a comparison: its target unless that is hidden, the answer, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.comparisons.comparison import ColumnState, ask_again, keep_as_branch
from lib.core.comparisons import COLUMN_LABELS, Comparison, Origin
from lib.core.conversation import Node, Outcome, Timing, Usage
from lib.core.errors import AntlerError, ShuttingDown, StoreError, TooManyAnswers, TurnInProgress
from lib.core.user import User
from lib.ui import inspector
from lib.ui.chat import image_actions, message_tools
from lib.ui.chat.answer_bubble import AnswerBubble
from lib.ui.chat.answer_feed import FollowedAnswer
from lib.ui.chat.answer_text import OUTCOME_ICONS, list_metrics, outcome_message
from lib.ui.compare import compare_services
from lib.ui.history import row
from lib.ui.session import resources
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import errors
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning, shows_errors

# Before a blind vote, any other reason may tell which model an answer comes from.
_REASONS_WITHOUT_MODEL = (ShuttingDown, StoreError, TooManyAnswers, TurnInProgress)


@dataclass(frozen=True)
class RenderedColumn:
    """A column on the page, with the slot of its Stop; it follows `answer` while that arrives."""

    state: ColumnState
    bubble: AnswerBubble | None
    stop_slot: DeltaGenerator
    answer: FollowedAnswer | None = None


def hide_source(node: Node) -> Node:
    """Return an answer without anything that says which target it comes from, or how long that took."""
    failure = node.failure and replace(node.failure, detail="", request_id="", status=None)
    return replace(node, target=None, usage=Usage(), timing=Timing(), failure=failure, provider_metadata={})


def render(user: User, comparison: Comparison, index: int, state: ColumnState) -> RenderedColumn:
    """Render a column in the current place, with its foot if the answer has ended."""
    label = COLUMN_LABELS[index]
    with st.container(key=f"compare-head-{index}", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(key=f"compare-name-{index}", gap=None):
            if comparison.is_hidden:
                st.markdown(f"**{t('compare.answer', label=label)}**")
            else:
                target, params = state.column.target, compare_services.params_text(state.column.params)
                st.markdown(f"**{label} · {escape_markdown(target.model)}**")
                st.caption(" · ".join(filter(None, (t(f"wire.{target.wire}"), params))))
        # An empty element removes a container at once, but what was in another empty one at the end of the run only.
        stop_slot = st.container(width="content").empty() if state.generation else st.empty()
    node = state.answer
    if node is None:
        st.caption(f":material/delete: {t('compare.deleted_answer')}")
        return RenderedColumn(state, None, stop_slot)
    is_arriving = state.generation is not None
    bubble = AnswerBubble(st.container(key=f"answer-{node.id}"), node, is_arriving=is_arriving, is_last=True)
    if state.generation is None:
        bubble.show(hide_source(node) if comparison.is_hidden else node)
        render_foot(user, comparison, index, state, bubble)
        return RenderedColumn(state, bubble, stop_slot)
    on_stop = shows_errors(state.generation.stop)
    label = t("compare.stop", label=label)
    stop_slot.button(label, key=f"compare-stop-{index}", icon=":material/stop:", on_click=on_stop)
    present = hide_source if comparison.is_hidden else _keep_source
    name = t("compare.answer", label=COLUMN_LABELS[index]) if comparison.is_hidden else ""
    answer = FollowedAnswer(state.generation, node, bubble, state.column.params, name, present)
    return RenderedColumn(state, bubble, stop_slot, answer)


def _keep_source(node: Node) -> Node:
    return node


def render_foot(user: User, comparison: Comparison, index: int, state: ColumnState, bubble: AnswerBubble) -> None:
    """Render how an answer ended, its figures, and the actions."""
    node = state.answer
    assert node is not None
    shown = hide_source(node) if comparison.is_hidden else node
    with bubble.open_foot():
        image_actions.render(node, user)
        if node.outcome is Outcome.FAILED:
            errors.render(shown.failure, is_empty=not node.message.parts)
        elif message := outcome_message(shown):
            st.caption(f"{OUTCOME_ICONS[node.outcome]} {message}")
            errors.render_details(shown.failure)
        if not comparison.is_hidden:
            total = resources.store().usage.totals_by_answer(user.id, state.column.conversation_id).get(node.id)
            metrics = list_metrics(node, total, include_duration=True)
            st.caption(" · ".join(metrics))
        _render_actions(user, comparison, index, state, node)


def _render_actions(user: User, comparison: Comparison, index: int, state: ColumnState, node: Node) -> None:
    label = COLUMN_LABELS[index]
    with st.container(key=f"tools-last-{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        message_tools.render_copy_row(node.id)
        if comparison.vote is None and not state.is_kept:
            text = t("compare.retry", label=label)
            render_button(text, f"compare-retry-{index}", "refresh", _retry, user, comparison, index, state)
        if comparison.is_hidden:
            return
        inspector.render_button(user, node, t("compare.inspect", label=label))
        if not node.message.has_content:
            return
        if state.is_kept:
            text = t("compare.open_kept", label=label)
            render_button(text, f"compare-open-{index}", "forum", row.open_conversation, state.column.conversation_id)
        else:
            text = t("compare.keep", label=label)
            render_button(text, f"compare-keep-{index}", "bookmark_add", _keep, user, state)
        if comparison.origin:
            text = t("compare.keep_branch", label=label)
            render_button(text, f"compare-branch-{index}", "call_split", _branch, user, comparison.origin, node)


@shows_errors
def _retry(user: User, comparison: Comparison, index: int, state: ColumnState) -> None:
    try:
        ask_again(compare_services.turn_services(), user.id, state.column)
    except AntlerError as error:
        if not comparison.is_hidden or isinstance(error, _REASONS_WITHOUT_MODEL):
            raise
        flash_warning(t("compare.retry_refused", label=COLUMN_LABELS[index]))


@shows_errors
def _keep(user: User, state: ColumnState) -> None:
    resources.store().comparisons.keep(user.id, state.column.conversation_id)
    st.toast(t("compare.kept"), icon=":material/check:")


@shows_errors
def _branch(user: User, origin: Origin, answer: Node) -> None:
    """Add the answer to the chat that the question came from, and open it there."""
    keep_as_branch(compare_services.turn_services(), user.id, origin, answer)
    row.open_conversation(origin.conversation_id)
