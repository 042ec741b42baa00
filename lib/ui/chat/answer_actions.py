"""Actions below an answer: continue, retry, versions, details, and the menu."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from lib.chat.turns import turn
from lib.core.conversation import ANSWER_LIMIT, Node, Outcome
from lib.core.refused_params import SENT_AGAIN
from lib.core.sanitize import get_objects
from lib.core.user import User
from lib.ui.chat import branch_actions, composer, model_picker, params_panel
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button, render_menu
from lib.ui.widgets.refused_params import sent_again_text

_MAX_DETAIL_CHARS = 300


def render(user: User, view: ConversationView, node: Node, footer: str, *, is_last: bool) -> None:
    """Render the suggested next actions, then one line with versions, footer, details and the menu.

    Actions that send a request are below the last answer only.
    """
    is_blocked = is_last and composer.repeats_refusal(view, node)
    is_final = node.outcome is Outcome.COMPLETE or bool(node.failure and not node.failure.retryable)
    rejected = params_panel.list_rejected(node.failure, node.target) if is_last and node.failure else []
    if is_blocked:
        st.caption(t("answer.change_first"))
    if is_last and (rejected or is_blocked or not is_final):
        with st.container(key=f"next-{node.id}", horizontal=True, gap="small"):
            if rejected:
                _render_retry_without(user, rejected)
            if is_blocked:
                _render_alternatives(user, node)
            if not is_final:
                _render_next_actions(user, node)
    with st.container(key=f"tools-{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        branch_actions.render_pager(user, view.siblings.get(node.id), node.id)
        if footer:
            st.caption(footer, width="content")
        if is_last and is_final and not is_blocked:
            render_button(t("actions.regenerate"), "retry", "refresh", composer.retry, user)
        if node.provider_metadata or node.usage.output is not None:
            with st.popover(t("actions.details"), icon=":material/info:", type="tertiary", key=f"info-{node.id}"):
                _render_details(node)
        branch_actions.render_actions_menu(
            user, node, ("branch", "delete") if is_last else ("again_here", "go_back", "branch", "delete")
        )


def _render_next_actions(user: User, node: Node) -> None:
    """Render the actions after an incomplete answer, the most likely one first."""
    is_context_full = node.finish_reason.lower() in ("model_context_window_exceeded", ANSWER_LIMIT)
    if turn.can_continue(node) and not is_context_full:
        label, on_click = t("actions.continue"), composer.continue_answer
        render_button(label, "continue", "play_arrow", on_click, user, node.id, type="secondary")
    if node.outcome is Outcome.LENGTH and not is_context_full and composer.can_raise_output_limit(node):
        label = t("actions.raise")
        render_button(label, "raise", "expand", composer.retry_with_higher_limit, user, type="secondary")
    render_button(t("answer.retry"), "retry", "refresh", composer.retry, user, type="secondary")


def _render_retry_without(user: User, param_names: list[str]) -> None:
    fields = t("list.separator").join(t(f"param.{name}") for name in param_names)
    label = t("actions.retry_without", fields=fields)
    render_button(label, "without", "tune", composer.retry, user, tuple(param_names), type="primary")


def _render_alternatives(user: User, node: Node) -> None:
    """Render the ways round a model that refused the request: its other wire, and other models."""
    alternatives = model_picker.list_alternatives(user, node.target) if node.target else []
    other_wires = [target for target in alternatives if node.target and target.model == node.target.model]
    for target in other_wires:
        label = t("actions.other_wire", wire=t(f"wire.{target.wire}"))
        on_click = composer.retry_with_target
        render_button(label, f"wire-{target.wire}", "swap_horiz", on_click, user, target, type="secondary")
    if other_models := [target for target in alternatives if target not in other_wires]:
        render_menu(
            t("actions.other_model"),
            f"other-model-{node.id}",
            other_models,
            lambda target: escape_markdown(target.model),
            lambda target: composer.retry_with_target(user, target),
            "swap_horiz",
        )


def _render_details(node: Node) -> None:
    with st.container(key=f"details-{node.id}"):
        st.markdown(details_table(node))


def details_table(node: Node) -> str:
    """Return the metadata of an answer as a Markdown table; the gateway's names and values are literal text."""
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in _details(node)]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return escape_markdown(text[:_MAX_DETAIL_CHARS])


def _details(node: Node) -> Iterator[tuple[str, str]]:
    if node.target:
        yield t("answer_details.requested"), f"{node.target.model} · {t(f'wire.{node.target.wire}')}"
    yield (
        t("answer_details.outcome"),
        str(node.outcome) + (f" · {node.finish_reason}" if node.finish_reason else ""),
    )
    for note in get_objects(node.provider_metadata, SENT_AGAIN):
        yield t("answer_details.sent_again"), sent_again_text(node.target, note)
    metadata = {name: value for name, value in node.provider_metadata.items() if name != SENT_AGAIN}
    for name, value in _flatten(metadata):
        if name == "created" and value.isdecimal() and len(value) <= 12:
            value = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(int(value), 2**33)))
        yield name, value
    for name, seconds in (("first", node.timing.first_token), ("total", node.timing.total)):
        if seconds is not None:
            yield t(f"answer_details.{name}"), f"{seconds:.2f} s"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            yield f"{prefix}{name}", str(value)[:_MAX_DETAIL_CHARS]
