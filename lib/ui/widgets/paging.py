"""A long list in pages: a window on it that grows, then moves on, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from lib.ui.text.i18n import t

PAGE = 40
MOST = 3  # pages on the screen at once: each row of them costs the browser with every run

Item = TypeVar("Item")
Fetch = Callable[[int, Item | None], list[Item]]


@dataclass
class _Place:
    """Where a list stands: `above` are the last items of the pages that were left above the window."""

    above: list[Any] = field(default_factory=list)
    pages: int = 1

    def on(self, mark: object) -> None:
        if self.pages < MOST:
            self.pages += 1
        else:
            self.above.append(mark)

    def back(self) -> None:
        self.above.pop()


def paint(name: str, fetch: Fetch[Item], draw: Callable[[list[Item]], None], page: int = PAGE) -> None:
    """Draw what the list of that name shows; `fetch` gives so many of the items after one of them.

    That is asked once, whatever the length of the list.
    """
    place = _places().setdefault(name, _Place())
    if place.above:
        words, icon = t("sidebar.less"), ":material/expand_less:"
        st.button(words, key=f"less-{name}", type="tertiary", icon=icon, on_click=place.back)
    room = place.pages * page
    found = fetch(room + 1, place.above[-1] if place.above else None)
    draw(found[:room])
    if len(found) > room:
        words = t("sidebar.more")
        args = (found[page - 1],)
        st.button(words, key=f"more-{name}", type="tertiary", on_click=place.on, args=args)


def forget(name: str) -> None:
    """Show that list from its beginning."""
    _places().pop(name, None)


def _places() -> dict[str, _Place]:
    found: dict[str, _Place] = st.session_state.setdefault("places", {})
    return found
