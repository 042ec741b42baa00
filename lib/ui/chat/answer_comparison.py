"""Comparison of two answers to one question: a dialog with what differs besides their text."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.chat.exchanges.differences import GROUPS, AnswerFacts, Difference, Value, list_differences
from lib.chat.turns import model_facts
from lib.core.conversation import Node
from lib.core.errors import StoreError
from lib.core.params import ParamAdjustment
from lib.core.target import Target
from lib.core.user import User
from lib.ui.chat.answer_text import outcome_label
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_literal, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import refused_params, table
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message

_LEFT, _RIGHT, _ALL = "compared-left", "compared-right", "compared-all"
_NAMED_BY_GATEWAY = ("ids", "headers")  # groups whose names are no keys of texts
_MIN_SHOWN_RATIO = 1.1


def render_button_for(view: ConversationView, node: Node) -> None:
    """Render the button that compares an answer with the same model's over the other format, if it has been asked."""
    if view.find_other_format(node):
        label = t("comparison.formats")
        render_button(label, f"compare-{node.id}", "compare_arrows", open_for, view, node)


def open_for(view: ConversationView, node: Node) -> None:
    """Open the comparison of an answer with that over the other format, else with another one; a callback."""
    others = [node_id for node_id in view.siblings.get(node.id, ()) if node_id != node.id]
    if not others:
        return
    other = view.find_other_format(node) or others[-1]
    all_ids = view.siblings[node.id]
    # The older one is on the left.
    left, right = sorted((node.id, other), key=all_ids.index)
    session_state.compared_answers = left, right
    session_state.set_widget(_LEFT, left)
    session_state.set_widget(_RIGHT, right)


def render(user: User, view: ConversationView) -> None:
    """Render the dialog of the answers that are compared, until it is closed."""
    compared = session_state.compared_answers
    if compared and compared[0] in view.siblings:
        st.dialog(t("comparison.title"), width="medium", on_dismiss=_close)(_render_content)(user, view, compared[0])


def _close() -> None:
    del session_state.compared_answers


def _render_content(user: User, view: ConversationView, node_id: str) -> None:
    ids = view.siblings.get(node_id, [])
    with st.container(key="compared-answers", horizontal=True, gap="small"):
        left_id = _render_choice(view, ids, _LEFT, t("comparison.left"))
        right_id = _render_choice(view, ids, _RIGHT, t("comparison.right"))
    try:
        left, right = _load_answers(user, left_id, right_id)
    except StoreError as error:
        st.caption(code_message(error.code))
        return
    if left is None or right is None:
        st.caption(t("comparison.missing"))
        return
    if left.id == right.id:
        st.caption(t("comparison.choose_two"))
        return
    if left.arriving or right.arriving:
        st.caption(f":material/hourglass_top: {t('comparison.arriving')}")
    try:
        rows = list_differences(*(_load_facts(user, view, node) for node in (left, right)))
    except StoreError as error:
        st.caption(code_message(error.code))
        return
    different = [row for row in rows if not row.is_equal and row.note != "per_request"]
    st.caption(t("comparison.count", count=len(different), total=len(rows)))
    shows_all = st.toggle(t("comparison.show_all"), key=_ALL)
    headers = [_describe_column(view, node, other) for node, other in ((left, right), (right, left))]
    _render_rows(rows if shows_all else different, left, right, headers)


def _load_answers(user: User, *node_ids: str | None) -> list[Node | None]:
    messages = services.current_store().messages
    return [messages.node(user.id, node_id) if node_id else None for node_id in node_ids]


def _describe_column(view: ConversationView, node: Node, other: Node) -> str:
    """Return the heading of a column: what tells both answers apart."""
    if node.target and other.target and node.target.wire != other.target.wire:
        return t(f"wire.{node.target.wire}")
    if node.target and other.target and node.target.model != other.target.model:
        return escape_literal(node.target.model)
    return t("comparison.version", number=view.siblings[node.id].index(node.id) + 1)


def _render_choice(view: ConversationView, ids: Sequence[str], key: str, label: str) -> str | None:
    def describe(node_id: str) -> str:
        return _describe_version(ids.index(node_id) + 1, view.sibling_targets.get(node_id))

    choice: str | None = st.selectbox(label, ids, format_func=describe, key=key)
    return choice


def _describe_version(number: int, target: Target | None) -> str:
    if target is None:
        return t("comparison.version", number=number)
    return t("comparison.version_of", number=number, model=target.model, wire=t(f"wire.{target.wire}"))


def _load_facts(user: User, view: ConversationView, node: Node) -> AnswerFacts:
    """Collect what is known of an answer. Without a recorded request, its parameters are those of the conversation now.

    Raises StoreError.
    """
    total = view.usage_by_node.get(node.id)
    is_priced = total is not None and not total.unpriced_count
    if exchanges := services.current_store().exchanges.of_answer(user.id, node.id):
        last = exchanges[-1]
        headers = last.attempts[-1].response_headers if last.attempts else None
        return AnswerFacts(node, total.cost if total and is_priced else None, last.adjustments, headers)
    adjustments: Sequence[ParamAdjustment] = ()
    if node.target and view.conversation:
        params, capabilities = view.conversation.params, services.model(node.target.model).capabilities
        adjustments = model_facts.dropped_params(node.target, params, capabilities)
    return AnswerFacts(node, total.cost if total and is_priced else None, adjustments)


def _render_rows(rows: Sequence[Difference], left: Node, right: Node, headers: Sequence[str]) -> None:
    if not rows:
        st.caption(t("comparison.nothing"))
        return
    cells: list[Sequence[str]] = []
    for group in GROUPS:
        if members := [row for row in rows if row.group == group]:
            cells.append([f"**{t(f'comparison.group_{group}')}**", "", ""])
            cells += [[_describe_row(row), *_format_values(row, left, right)] for row in members]
    with st.container(key="differences"):
        table.render(["", *headers], cells)


def _describe_row(row: Difference) -> str:
    if row.group in _NAMED_BY_GATEWAY:
        name = escape_literal(row.name)
    elif row.unit == "param":
        name = t("list.separator").join(t(f"param.{each}") for each in row.name.split(",") if each)
    else:
        name = t(f"comparison.{row.group}_{row.name}")
    return f"{name} :small[:gray[{t(f'comparison.note_{row.note}')}]]" if row.note else name


def _format_values(row: Difference, left: Node, right: Node) -> list[str]:
    values = [_format_value(row, value, node) for value, node in ((row.left, left), (row.right, right))]
    if row.ratio and not row.is_equal and max(row.ratio, 1 / row.ratio) >= _MIN_SHOWN_RATIO:
        values[1] = f"{values[1]} :small[:gray[× {row.ratio:.2g}]]"
    return values


def _format_value(row: Difference, value: Value, node: Node) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, ParamAdjustment):
        return escape_literal(refused_params.adjustment_message(value, node.target)) if node.target else "–"
    match row.unit:
        case "flag":
            return t("comparison.yes" if value else "comparison.no")
        case "money":
            return escape_literal(format_dollars(int(value)))
        case "seconds":
            return t("comparison.seconds", seconds=float(value))
        case "rate":
            return t("answer.speed", speed=float(value))
        case "count":
            return f"{int(value):,}"
        case "wire":
            return t(f"wire.{value}")
        case "outcome":
            return outcome_label(str(value))
    return escape_literal(str(value))
