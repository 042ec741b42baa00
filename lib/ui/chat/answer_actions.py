"""What can be done with an answer, page, go on, ask again, and all that is known of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import streamlit as st

from lib.chat.turns import turn
from lib.core.conversation import Node, Outcome
from lib.core.user import User
from lib.ui.chat import branch_actions, composer, params_panel
from lib.ui.session import conversation_view
from lib.ui.text.i18n import escape_markdown, t


def render(
    user: User, view: conversation_view.ConversationView, node: Node, footer: str, *, is_last: bool
) -> None:
    """What can be done next, and one quiet line: the alternatives, the `foot`, what else there is.

    What asks for more stands under the last answer only.
    """
    again = node.outcome is Outcome.COMPLETE or bool(node.failure and not node.failure.retry)
    blamed = params_panel.filter_changed(node.failure.blamed) if is_last and node.failure else []
    if is_last and (blamed or not again):
        with st.container(key=f"next-{node.id}", horizontal=True, gap="small"):
            _render_reset_params_button(user, blamed)
            if not again:
                _render_next_actions(user, node)
    with st.container(key=f"tools-{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        branch_actions.render_pager(user, view.siblings.get(node.id), node.id)
        if footer:
            st.caption(footer, width="content")
        if is_last and again:
            _render_retry_button(user, "tools.again", "tertiary")
        if node.provider_metadata or node.usage.output is not None:
            with st.popover(
                t("tools.details"), icon=":material/info:", type="tertiary", key=f"facts-{node.id}"
            ):
                _render_details(node)
        branch_actions.render_menu(
            user, node, ("branch", "delete") if is_last else ("again_here", "go_back", "branch", "delete")
        )


def _render_next_actions(user: User, node: Node) -> None:
    """What can be done next, the likeliest first."""
    mine: dict[str, Any] = {"args": (user,)}
    full = node.finish_reason == "model_context_window_exceeded"
    if turn.can_continue(node) and not full:
        go: dict[str, Any] = {
            "key": "continue",
            "icon": ":material/play_arrow:",
            "on_click": composer.continue_answer,
        }
        st.button(t("tools.continue"), **go, args=(user, node.id))
    if node.outcome is Outcome.LENGTH and not full:
        more: dict[str, Any] = {"key": "raise", "icon": ":material/expand:", "on_click": composer.raise_limit}
        st.button(t("tools.raise"), **more, **mine)
    _render_retry_button(user, "answer.retry", "secondary")


def _render_retry_button(user: User, label_key: str, button_type: Literal["secondary", "tertiary"]) -> None:
    st.button(
        t(label_key),
        key="retry",
        icon=":material/refresh:",
        type=button_type,
        on_click=composer.retry,
        args=(user,),
    )


def _render_reset_params_button(user: User, param_names: list[str]) -> None:
    if param_names:
        fields = t("list.comma").join(t(f"param.{name}") for name in param_names)
        st.button(
            t("tools.without", fields=fields),
            key="without",
            icon=":material/tune:",
            type="primary",
            on_click=composer.retry,
            args=(user, tuple(param_names)),
        )


def _render_details(node: Node) -> None:
    """All that is known of an answer, as a table: our words for what is ours, the wire's for what it told."""
    rows = [f"| {name} | {escape_markdown(value)} |" for name, value in _iter_details(node)]
    with st.container(key=f"told-{node.id}"):
        st.markdown("\n".join(["| | |", "|---|---|", *rows]))


def _iter_details(node: Node) -> Iterator[tuple[str, str]]:
    if node.target:
        yield t("facts.asked"), f"{node.target.model} · {t(f'wire.{node.target.wire}')}"
    yield t("facts.outcome"), str(node.outcome) + (f" · {node.finish_reason}" if node.finish_reason else "")
    for name, value in _flatten(node.provider_metadata):
        if name == "created" and value.isdecimal() and len(value) <= 12:
            value = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(int(value), 2**33)))
        yield f"`{name.replace('`', '')}`", value
    for name, seconds in (("first", node.timing.first), ("total", node.timing.total)):
        if seconds is not None:
            yield t(f"facts.{name}"), f"{seconds:.2f} s"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            yield f"{prefix}{name}", str(value)[:300]
