"""History of comparisons, and their votes as a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import streamlit as st

from lib.core.comparisons import Comparison, Standing, count_votes
from lib.core.target import Target
from lib.core.user import User
from lib.ui.compare import compare_services, comparison_view
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import paging, table
from lib.ui.widgets.controls import render_button, render_choice, render_menu

_LIST, _GROUPING = "comparisons", "compare-grouping"
_PAGE_SIZE = 20
_GROUPS: dict[str, Callable[[Target], Hashable]] = {
    "model": lambda target: target.model,
    "target": lambda target: target,
    "wire": lambda target: target.wire,
}
_ICONS = {"open": "open_in_full", "again": "refresh", "delete": "delete"}


def render(user: User) -> None:
    """Render the comparisons, newest first. Raises StoreError."""
    comparisons = resources.store().comparisons

    def fetch(limit: int, after: Comparison | None) -> list[Comparison]:
        return comparisons.page(user.id, limit, after)

    with st.container(key="compare-list", gap=None):
        paging.render(_LIST, fetch, partial(_render_rows, user), _PAGE_SIZE)


def _render_rows(user: User, comparisons: Sequence[Comparison]) -> None:
    if not comparisons:
        st.caption(t("compare.none"))
    for comparison in comparisons:
        key = f"compare-row-{comparison.id}"
        with st.container(key=key, horizontal=True, gap="small", vertical_alignment="center", wrap=False):
            with st.container(key=f"compare-entry-{comparison.id}", gap=None):
                label = escape_markdown(comparison.prompt) or t("compare.no_text")
                open_ = compare_services.open_comparison
                render_button(label, f"compare-open-{comparison.id}", "", open_, comparison.id, width="stretch")
                st.caption(_describe(comparison))
            label = t("compare.actions", prompt=escape_markdown(comparison.prompt[:60]))
            on_select = partial(_run_action, user, comparison)
            format_action = _format_action
            render_menu(label, f"actions-compare-{comparison.id}", list(_ICONS), format_action, on_select)


def _describe(comparison: Comparison) -> str:
    """Return date, models and vote of a comparison as Markdown."""
    models = dict.fromkeys(escape_markdown(target.model) for target in comparison.targets)
    vote = compare_services.vote_text(comparison) or t(
        "compare.blind_open" if comparison.is_hidden else "compare.no_vote"
    )
    return " · ".join([dates.format_moment(comparison.created_at), t("list.separator").join(models), vote])


def _format_action(action: str) -> str:
    return f":material/{_ICONS[action]}: {t(f'compare.action_{action}')}"


def _run_action(user: User, comparison: Comparison, action: str) -> None:
    match action:
        case "open":
            compare_services.open_comparison(comparison.id)
        case "again":
            comparison_view.ask_again(user, comparison)
        case "delete":
            comparison_view.delete(user, comparison)


def render_votes(user: User) -> None:
    """Render the votes by model, target or wire, with the interval of each win rate. Raises StoreError."""
    voted = resources.store().comparisons.voted(user.id)
    if not voted:
        st.caption(t("compare.no_votes"))
        return
    if not session_state.has_widget(_GROUPING):
        session_state.set_widget(_GROUPING, "model")
    label = t("compare.grouping")
    grouping = render_choice(label, _GROUPING, list(_GROUPS), lambda name: t(f"compare.by_{name}")) or "model"
    standings = count_votes(voted, _GROUPS[grouping])
    if not standings:
        st.caption(t("compare.nothing_between"))
        return
    names = ("count", "wins", "ties", "losses", "rate", "interval")
    headers = [t(f"compare.by_{grouping}"), *(t(f"compare.{name}") for name in names)]
    with st.container(key="compare-votes"):
        table.render(headers, [_cells(standing, grouping) for standing in standings])
    st.caption(t("compare.votes_about"))


def _cells(standing: Standing[Hashable], grouping: str) -> list[str]:
    group = standing.group
    if isinstance(group, Target):
        name = compare_services.target_text(group)
    else:
        name = t(f"wire.{group}") if grouping == "wire" else escape_markdown(str(group))
    low, high = standing.interval
    counts = (standing.count, standing.wins, standing.ties, standing.losses)
    return [name, *(f"{count:,}" for count in counts), f"{standing.win_rate:.0%}", f"{low:.0%} – {high:.0%}"]
