"""Filters of the search in the sidebar: model, period and folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import streamlit as st

from lib.core.search import SearchFilter
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import dates, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button

PAGER = "search"
_MODEL_KEY, _PERIOD_KEY, _FOLDER_KEY, _DAYS_KEY = "search-model", "search-period", "search-folder", "search-days"
_PERIOD_DAYS = {"week": 7, "month": 30, "year": 365}
_CUSTOM_PERIOD = "custom"


def render_toggle() -> None:
    """Render the button that shows the filters, or hides and clears them."""
    is_open = session_state.is_search_filter_open
    label = t("search.hide_filters" if is_open else "search.filters")
    render_button(label, "search-filter-toggle", "filter_alt_off" if is_open else "tune", _toggle)


def render(user: User) -> SearchFilter:
    """Render the filters if they are shown, and return what they are set to. Raises StoreError."""
    if not session_state.is_search_filter_open:
        return SearchFilter()
    store = resources.store()
    with st.container(key="search-filters", gap="xsmall"):
        model = _render_select(_MODEL_KEY, "model", store.search.models(user.id), accept_new_options=True)
        periods = [*_PERIOD_DAYS, _CUSTOM_PERIOD]
        period = _render_select(_PERIOD_KEY, "time", periods, lambda name: t(f"search.{name}"))
        start, end = _select_days() if period == _CUSTOM_PERIOD else (_first_day(period), None)
        names = ["", *(name for name, _ in store.conversations.folders(user.id))]
        folder = _render_select(_FOLDER_KEY, "folder", names, lambda name: name or t("folder.none"))
    zone = dates.reader_timezone()
    return SearchFilter(
        model=(model or "").strip(),
        folder=folder,
        start=datetime.combine(start, time(), zone).timestamp() if start else None,
        end=datetime.combine(end + timedelta(days=1), time(), zone).timestamp() if end else None,
    )


def close() -> None:
    """Hide and clear the filters: fields that are not rendered lose their values."""
    session_state.is_search_filter_open = False


def _toggle() -> None:
    session_state.is_search_filter_open = not session_state.is_search_filter_open
    paging.reset(PAGER)


def _render_select(
    key: str,
    name: str,
    options: list[str],
    format_option: Callable[[str], str] = str,
    *,
    accept_new_options: bool = False,
) -> str | None:
    return st.selectbox(
        t(f"search.{name}_label"),
        options,
        index=None,
        key=key,
        placeholder=t(f"search.any_{name}"),
        format_func=format_option,
        accept_new_options=accept_new_options,
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(PAGER,),
    )


def _first_day(period: str | None) -> date | None:
    """Return the first day of a period that ends today; None for any time."""
    if period is None:
        return None
    return datetime.now(dates.reader_timezone()).date() - timedelta(days=_PERIOD_DAYS[period] - 1)


def _select_days() -> tuple[date, date]:
    """Render the selection of the first and the last day, and return them."""
    today = datetime.now(dates.reader_timezone()).date()
    picked = st.date_input(
        t("usage.days"),
        (today - timedelta(days=29), today),
        key=_DAYS_KEY,
        format="YYYY-MM-DD",
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(PAGER,),
    )
    # One day until the second one is picked, and none in an emptied field.
    days = picked or (today,)
    return days[0], days[-1]
