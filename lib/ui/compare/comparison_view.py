"""An open comparison: the prompt, its columns side by side, the vote, and the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.comparisons.comparison import ColumnChoice, ColumnState, delete_comparison, load_columns
from lib.chat.turns.generation import STOP_TIMEOUT, Generation
from lib.core.comparisons import COLUMN_LABELS, Comparison, Vote
from lib.core.conversation import Node
from lib.core.user import User
from lib.ui.chat import live_answer
from lib.ui.chat.message_tools import render_side_by_side
from lib.ui.compare import column, compare_services, differences_view, setup
from lib.ui.compare.column import RenderedColumn
from lib.ui.files import file_viewer, message_files
from lib.ui.markdown import written_text
from lib.ui.session import audit, resources
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors


@dataclass(frozen=True)
class RenderedComparison:
    """A comparison on the page, with the slot of the action that depends on its end."""

    user: User
    comparison: Comparison
    columns: Sequence[RenderedColumn]
    action_slot: DeltaGenerator

    @property
    def is_running(self) -> bool:
        return any(each.answer for each in self.columns)


def render(user: User, comparison: Comparison) -> RenderedComparison:
    """Render the prompt, and the columns as they are now. Raises StoreError."""
    states = load_columns(compare_services.turn_services(), user.id, comparison)
    action_slot = _render_actions(user, comparison, states)
    _render_prompt(user, comparison, states)
    render_side_by_side([state.answer for state in states if state.answer])
    with st.container(key="compare-columns"):
        places = st.columns(len(states), gap="small")
    columns = []
    for index, (place, state) in enumerate(zip(places, states, strict=True)):
        with place, st.container(key=f"compare-column-{index}"):
            columns.append(column.render(user, comparison, index, state))
    file_viewer.render(user)
    return RenderedComparison(user, comparison, columns, action_slot)


def follow(rendered: RenderedComparison) -> None:
    """Render the arriving answers until all have ended, then the vote and the differences. Raises StoreError."""
    user, comparison = rendered.user, rendered.comparison
    states = [each.state for each in rendered.columns]
    followed = [(index, each) for index, each in enumerate(rendered.columns) if each.answer]

    def on_end(position: int, _: Node) -> None:
        index, ended = followed[position]
        ended.stop_slot.empty()
        states[index] = _read_end(ended.state, needs_usage=not comparison.is_hidden)
        assert ended.bubble is not None
        column.render_foot(user, comparison, index, states[index], ended.bubble)

    if followed:
        live_answer.render_all([each.answer for _, each in followed if each.answer], on_end)
        render_side_by_side([state.answer for state in states if state.answer], "message-tools-last")
        rendered.action_slot.empty()
        with rendered.action_slot:
            _render_again(user, comparison, states)
    _render_end(user, comparison, states)


def _read_end(state: ColumnState, *, needs_usage: bool) -> ColumnState:
    """Return a column whose answer has just ended; what was followed may leave its source out."""
    assert state.generation is not None and state.answer is not None
    if needs_usage and isinstance(state.generation, Generation):
        state.generation.wait_until_saved(STOP_TIMEOUT)  # by the worker thread
    return replace(state, answer=state.generation.wait(-1, 0, state.answer.id).node, generation=None)


def _render_end(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> None:
    """Render the vote and the differences, once all answers have ended."""
    if all(state.answer for state in states):
        _render_vote(user, comparison)
    texts = {
        COLUMN_LABELS[index]: state.answer.message.text
        for index, state in enumerate(states)
        if state.answer and state.answer.message.text.strip()
    }
    if len(texts) > 1:
        differences_view.render(texts)


def _render_actions(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> DeltaGenerator:
    """Render what concerns the whole comparison; returns the slot of the action that depends on its end."""
    with st.container(key="compare-actions", horizontal=True, vertical_alignment="center", gap="small"):
        render_button(t("compare.all"), "compare-close", "arrow_back", compare_services.close_comparison, "history")
        st.caption(dates.format_moment(comparison.created_at), width="content")
        if comparison.is_blind:
            key = "compare.blind_open" if comparison.is_hidden else "compare.blind_done"
            st.caption(f":material/visibility_off: {t(key)}", width="content")
        action_slot = st.empty()
        with action_slot:
            if any(state.generation for state in states):
                render_button(t("compare.stop_all"), "compare-stop-all", "stop", _stop_all, states, type="secondary")
            else:
                _render_again(user, comparison, states)
        render_button(t("compare.delete"), "compare-delete", "delete", delete, user, comparison)
    if comparison.is_hidden:
        names = sorted({escape_markdown(target.model) for target in comparison.targets})
        st.caption(t("compare.hidden_models", models=t("list.separator").join(names)))
    return action_slot


def _render_again(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> None:
    label = t("compare.again")
    render_button(label, "compare-again", "refresh", ask_again, user, comparison, states, type="secondary")


def _render_prompt(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> None:
    question = next((state.question for state in states if state.question), None)
    with st.container(key=f"question-{comparison.id}"), st.chat_message("user", avatar=":material/person:"):
        if question:
            message_files.render(question.id, question.message.files, message_files.load(user, question.message.files))
        written_text.render(question.message.text if question else comparison.prompt, comparison.id)


def _render_vote(user: User, comparison: Comparison) -> None:
    with st.container(key="compare-vote", horizontal=True, vertical_alignment="center", gap="small"):
        if comparison.vote:
            st.markdown(f":material/how_to_vote: {compare_services.vote_text(comparison)}", width="content")
            if not comparison.is_blind:
                render_button(t("compare.change_vote"), "compare-change-vote", "edit", _vote, user, comparison, None)
            return
        st.markdown(t("compare.which"), width="content")
        for index in range(len(comparison.columns)):
            label, vote = t("compare.best", label=COLUMN_LABELS[index]), Vote("best", index)
            render_button(label, f"compare-best-{index}", "", _vote, user, comparison, vote, type="secondary")
        for choice, icon in (("tie", "balance"), ("bad", "thumb_down")):
            vote = Vote("tie" if choice == "tie" else "bad")
            label = t(f"compare.choice_{choice}")
            render_button(label, f"compare-{choice}", icon, _vote, user, comparison, vote, type="secondary")


@shows_errors
def _vote(user: User, comparison: Comparison, vote: Vote | None) -> None:
    resources.store().comparisons.set_vote(user.id, comparison.id, vote)


@shows_errors
def _stop_all(states: Sequence[ColumnState]) -> None:
    for state in states:
        if state.generation:
            state.generation.stop()


@shows_errors
def ask_again(user: User, comparison: Comparison, states: Sequence[ColumnState] = ()) -> None:
    """Open the setup with the targets, the prompt and the files of a comparison; a callback."""
    states = states or load_columns(compare_services.turn_services(), user.id, comparison)
    question = next((state.question for state in states if state.question), None)
    columns = sorted(comparison.columns, key=lambda each: (each.target.model, each.target.wire))
    choices = [ColumnChoice(each.target, each.params) for each in columns]
    text, files = (question.message.text, question.message.files) if question else (comparison.prompt, ())
    origin = comparison.origin
    if origin and resources.store().messages.node(user.id, origin.question_id) is None:
        origin = None
    setup.open_setup(user, choices, text, files, is_blind=comparison.is_blind, origin=origin)
    compare_services.close_comparison("new")


@shows_errors
def delete(user: User, comparison: Comparison) -> None:
    """Delete a comparison, and offer to undo it; a callback."""
    comparisons = resources.store().comparisons
    delete_comparison(compare_services.turn_services(), comparisons, user.id, comparison)
    audit.record(user, "delete", comparison.id)
    undo.offer(t("compare.comparison_deleted"), partial(comparisons.restore, user.id, comparison.id))
    compare_services.close_comparison("history")
