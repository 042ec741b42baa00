"""Pager: a visible range of a long list that grows by pages, then moves down, and back up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.session.values import PagerPosition
from lib.ui.text import t
from lib.ui.widgets.controls import render_button

PAGE_SIZE = 40
MAX_PAGES = 3  # pages rendered at once: the browser pays for each row in every run

Item = TypeVar("Item")
# Called with a limit and the item after which to begin, None for the first item.
FetchPage = Callable[[int, Item | None], list[Item]]


def render(
    name: str, fetch: FetchPage[Item], render_items: Callable[[list[Item]], None], page_size: int = PAGE_SIZE
) -> None:
    """Render the visible range of the list `name` with its buttons; `fetch` is called once."""
    position = session_state.pager_positions.setdefault(name, PagerPosition())
    if position.cursors:
        render_button(t("sidebar.less"), f"less-{name}", "expand_less", position.cursors.pop)
    limit = position.page_count * page_size
    items = fetch(limit + 1, position.cursors[-1] if position.cursors else None)
    render_items(items[:limit])
    if len(items) > limit:
        render_button(t("sidebar.more"), f"more-{name}", "", _show_next_page, position, items[page_size - 1])


def render_search_field(name: str, label: str) -> str:
    """Render the field that searches the list `name`, and return its text."""
    return st.text_input(
        label,
        key=f"{name}.search",
        icon=":material/search:",
        placeholder=label,
        label_visibility="collapsed",
        on_change=reset,
        args=(name,),
    )


def fetch_from(items: Sequence[Item]) -> FetchPage[Item]:
    """A `fetch` for `render` that takes the pages from a list in memory."""

    def fetch(limit: int, after: Item | None) -> list[Item]:
        start = items.index(after) + 1 if after is not None and after in items else 0
        return list(items[start : start + limit])

    return fetch


def reset(name: str) -> None:
    """Return to the beginning of the list `name`; also a callback."""
    session_state.pager_positions.pop(name, None)


def _show_next_page(position: PagerPosition, cursor: object) -> None:
    if position.page_count < MAX_PAGES:
        position.page_count += 1
    else:
        position.cursors.append(cursor)
