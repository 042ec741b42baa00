"""An open comparison: the prompt, its columns side by side, the vote, and the differences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from lib.chat.comparisons.comparison import ColumnChoice, ColumnState, delete_comparison, load_columns
from lib.core.comparisons import COLUMN_LABELS, Comparison, Vote
from lib.core.conversation import Node
from lib.core.user import User
from lib.ui.chat import live_answer, message_tools, transcript
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


def render(user: User, comparison: Comparison) -> list[RenderedColumn]:
    """Render the prompt, and the columns as they are now. Raises StoreError."""
    states = load_columns(compare_services.turn_services(), user.id, comparison)
    _render_actions(user, comparison, states)
    _render_prompt(user, comparison, states)
    render_side_by_side([state.answer for state in states if state.answer])
    with st.container(key="compare-columns"):
        places = st.columns(len(states), gap="medium")
    columns = []
    for index, (place, state) in enumerate(zip(places, states, strict=True)):
        with place, st.container(key=f"compare-column-{index}"):
            columns.append(column.render(user, comparison, index, state))
    transcript.preload_renderers()
    file_viewer.render(user)
    return columns


def follow(user: User, comparison: Comparison, columns: Sequence[RenderedColumn]) -> list[Node]:
    """Render the arriving answers until all have ended; returns the answers of all columns. Raises StoreError."""
    followed = [(index, each) for index, each in enumerate(columns) if each.answer]
    nodes = {index: each.state.answer for index, each in enumerate(columns) if each.state.answer}

    def on_end(position: int, node: Node) -> None:
        index, ended = followed[position]
        ended.stop_slot.empty()
        assert ended.bubble is not None
        # As it is stored: what was followed may say less.
        (state,) = load_columns(compare_services.turn_services(), user.id, _single(comparison, index))
        nodes[index] = state.answer or node
        column.render_foot(user, comparison, index, state, ended.bubble)

    live_answer.render_all([each.answer for _, each in followed if each.answer], on_end)
    answers = [node for _, node in sorted(nodes.items()) if node]
    if followed:
        message_tools.render_side_by_side(answers, "message-tools-last")
    return answers


def _single(comparison: Comparison, index: int) -> Comparison:
    """Return a comparison with one of its columns."""
    return Comparison(comparison.id, "", comparison.created_at, (comparison.columns[index],), comparison.is_blind)


def render_end(user: User, comparison: Comparison, columns: Sequence[RenderedColumn], answers: Sequence[Node]) -> None:
    """Render the vote and the differences, once all answers have ended."""
    _render_vote(user, comparison, columns)
    texts = {
        COLUMN_LABELS[index]: node.message.text
        for index, node in enumerate(answers)
        if len(answers) == len(columns) and node.message.text.strip()
    }
    if len(texts) > 1:
        differences_view.render(texts)


def _render_actions(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> None:
    """Render what concerns the whole comparison."""
    with st.container(key="compare-actions", horizontal=True, vertical_alignment="center", gap="small"):
        render_button(t("compare.all"), "compare-close", "arrow_back", compare_services.close_comparison, "history")
        st.caption(dates.format_moment(comparison.created_at), width="content")
        if comparison.is_blind:
            key = "compare.blind_open" if comparison.is_hidden else "compare.blind_done"
            st.caption(f":material/visibility_off: {t(key)}", width="content")
        if any(state.generation for state in states):
            render_button(t("compare.stop_all"), "compare-stop-all", "stop", _stop_all, states, type="secondary")
        else:
            label = t("compare.again")
            render_button(label, "compare-again", "refresh", ask_again, user, comparison, states, type="secondary")
        render_button(t("compare.delete"), "compare-delete", "delete", delete, user, comparison)
    if comparison.is_hidden:
        names = sorted({escape_markdown(target.model) for target in comparison.targets})
        st.caption(t("compare.hidden_models", models=t("list.separator").join(names)))


def _render_prompt(user: User, comparison: Comparison, states: Sequence[ColumnState]) -> None:
    question = next((state.question for state in states if state.question), None)
    with st.container(key=f"question-{comparison.id}"), st.chat_message("user", avatar=":material/person:"):
        if question:
            message_files.render(question.id, question.message.files, message_files.load(user, question.message.files))
        written_text.render(question.message.text if question else comparison.prompt, comparison.id)


def _render_vote(user: User, comparison: Comparison, columns: Sequence[RenderedColumn]) -> None:
    with st.container(key="compare-vote", horizontal=True, vertical_alignment="center", gap="small"):
        if comparison.vote:
            st.markdown(f":material/how_to_vote: {compare_services.vote_text(comparison)}", width="content")
            if not comparison.is_blind:
                render_button(t("compare.change_vote"), "compare-change-vote", "edit", _vote, user, comparison, None)
            return
        st.markdown(t("compare.which"), width="content")
        for index in range(len(columns)):
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
