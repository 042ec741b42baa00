"""What can be done with an answer, page, go on, ask again, and all that is known of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import streamlit as st

from lib.chat.turns import turn
from lib.core.conversation import Node, Outcome
from lib.core.user import Person
from lib.ui.chat import branch_actions, composer, params_panel
from lib.ui.session import conversation_view
from lib.ui.text.i18n import literal, t


def paint(person: Person, view: conversation_view.View, node: Node, foot: str, *, last: bool) -> None:
    """What can be done next, and one quiet line: the alternatives, the `foot`, what else there is.

    What asks for more stands under the last answer only.
    """
    again = node.outcome is Outcome.COMPLETE or bool(node.failure and not node.failure.retry)
    blamed = params_panel.known(node.failure.blamed) if last and node.failure else []
    if last and (blamed or not again):
        with st.container(key=f"next-{node.id}", horizontal=True, gap="small"):
            _without(person, blamed)
            if not again:
                _next(person, node)
    with st.container(key=f"tools-{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        branch_actions.pager(person, view.siblings.get(node.id), node.id)
        if foot:
            st.caption(foot, width="content")
        if last and again:
            _again(person, "tools.again", "tertiary")
        if node.served or node.usage.output is not None:
            with st.popover(
                t("tools.details"), icon=":material/info:", type="tertiary", key=f"facts-{node.id}"
            ):
                _told(node)
        branch_actions.menu(
            person, node, ("branch", "delete") if last else ("again_here", "go_back", "branch", "delete")
        )


def _next(person: Person, node: Node) -> None:
    """What can be done next, the likeliest first."""
    mine: dict[str, Any] = {"args": (person,)}
    full = node.reason == "model_context_window_exceeded"
    if turn.open_(node) and not full:
        go: dict[str, Any] = {"key": "continue", "icon": ":material/play_arrow:", "on_click": composer.go_on}
        st.button(t("tools.continue"), **go, args=(person, node.id))
    if node.outcome is Outcome.LENGTH and not full:
        more: dict[str, Any] = {"key": "raise", "icon": ":material/expand:", "on_click": composer.raise_limit}
        st.button(t("tools.raise"), **more, **mine)
    _again(person, "answer.retry", "secondary")


def _again(person: Person, words: str, kind: Literal["secondary", "tertiary"]) -> None:
    st.button(
        t(words), key="retry", icon=":material/refresh:", type=kind, on_click=composer.retry, args=(person,)
    )


def _without(person: Person, names: list[str]) -> None:
    if names:
        fields = t("list.comma").join(t(f"param.{name}") for name in names)
        st.button(
            t("tools.without", fields=fields),
            key="without",
            icon=":material/tune:",
            type="primary",
            on_click=composer.retry,
            args=(person, tuple(names)),
        )


def _told(node: Node) -> None:
    """All that is known of an answer, as a table: our words for what is ours, the wire's for what it told."""
    rows = [f"| {name} | {literal(value)} |" for name, value in _facts(node)]
    with st.container(key=f"told-{node.id}"):
        st.markdown("\n".join(["| | |", "|---|---|", *rows]))


def _facts(node: Node) -> Iterator[tuple[str, str]]:
    if node.target:
        yield t("facts.asked"), f"{node.target.model} · {t(f'wire.{node.target.wire}')}"
    yield t("facts.outcome"), str(node.outcome) + (f" · {node.reason}" if node.reason else "")
    for name, value in _flat(node.served):
        if name == "created" and value.isdecimal() and len(value) <= 12:
            value = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(int(value), 2**33)))
        yield f"`{name.replace('`', '')}`", value
    for name, seconds in (("first", node.timing.first), ("total", node.timing.total)):
        if seconds is not None:
            yield t(f"facts.{name}"), f"{seconds:.2f} s"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif value is not None and value != []:
            yield f"{before}{name}", str(value)[:300]
