"""A long list in pages: a window on it that grows, then moves on, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from lib.ui.text.i18n import t

PAGE_SIZE = 40
MAX_PAGES = 3  # pages on the screen at once: each row of them costs the browser with every run

Item = TypeVar("Item")
FetchPage = Callable[[int, Item | None], list[Item]]


@dataclass
class _PagerState:
    """Where a list stands: `above` are the last items of the pages that were left above the window."""

    cursors: list[Any] = field(default_factory=list)
    page_count: int = 1

    def show_next_page(self, cursor: object) -> None:
        if self.page_count < MAX_PAGES:
            self.page_count += 1
        else:
            self.cursors.append(cursor)

    def show_previous_page(self) -> None:
        self.cursors.pop()


def render(
    name: str, fetch: FetchPage[Item], render_items: Callable[[list[Item]], None], page_size: int = PAGE_SIZE
) -> None:
    """Draw what the list of that name shows; `fetch` gives so many of the items after one of them.

    That is asked once, whatever the length of the list.
    """
    place = _pager_states().setdefault(name, _PagerState())
    if place.cursors:
        words, icon = t("sidebar.less"), ":material/expand_less:"
        st.button(words, key=f"less-{name}", type="tertiary", icon=icon, on_click=place.show_previous_page)
    room = place.page_count * page_size
    found = fetch(room + 1, place.cursors[-1] if place.cursors else None)
    render_items(found[:room])
    if len(found) > room:
        words = t("sidebar.more")
        args = (found[page_size - 1],)
        st.button(words, key=f"more-{name}", type="tertiary", on_click=place.show_next_page, args=args)


def reset(name: str) -> None:
    """Show that list from its beginning."""
    _pager_states().pop(name, None)


def _pager_states() -> dict[str, _PagerState]:
    found: dict[str, _PagerState] = st.session_state.setdefault("places", {})
    return found
