"""Frames of a response beside the events that they were read as, with a filter and pages."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.chat.exchanges.frames import NO_EVENT, FrameRow, describe_event, filter_frames, kind_of, list_kinds
from lib.ui.inspector import literal_table
from lib.ui.session.state import session_state
from lib.ui.text import t

_PAGE_SIZE = 50
_KINDS_KEY, _TEXT_KEY, _PAGE_KEY = "inspector-kinds", "inspector-find", "inspector-page"
# The name of an event of a stream without one, and that of a body that is no stream.
_UNNAMED = ("message", "body")


def render(rows: Sequence[FrameRow]) -> None:
    """Render the filter, and a page of the frames."""
    if not rows:
        st.caption(t("inspector.no_frames"))
        return
    found = _render_filter(rows)
    page_count = max(1, -(-len(found) // _PAGE_SIZE))
    page = min(_current_page(), page_count)
    st.caption(t("inspector.frames_shown", count=len(rows), shown=len(found)))
    if found:
        _render_page(found[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE])
    if page_count > 1:
        if session_state.widget(_PAGE_KEY) not in (None, page):
            session_state.set_widget(_PAGE_KEY, page)
        st.pagination(page_count, key=_PAGE_KEY, max_visible_pages=5)


def reset() -> None:
    """Show the first page of all frames; also a callback."""
    for key in (_KINDS_KEY, _TEXT_KEY, _PAGE_KEY):
        session_state.pop_widget(key)


def _render_filter(rows: Sequence[FrameRow]) -> list[FrameRow]:
    """Render the choice of kinds and the search field, and return the frames that they leave."""
    kinds = list_kinds(rows)
    chosen = st.pills(
        t("inspector.kinds"),
        kinds,
        selection_mode="multi",
        format_func=lambda kind: t(f"inspector.kind_{kind}"),
        key=_KINDS_KEY,
        label_visibility="collapsed",
        on_change=_show_first_page,
    )
    text = st.text_input(
        t("inspector.find"),
        key=_TEXT_KEY,
        icon=":material/search:",
        placeholder=t("inspector.find"),
        label_visibility="collapsed",
        on_change=_show_first_page,
    )
    return filter_frames(rows, [kind for kind in chosen or () if kind in kinds], text)


def _render_page(rows: Sequence[FrameRow]) -> None:
    headers = (t("inspector.frame"), t("inspector.offset"), t("inspector.event"), t("inspector.raw_data"))
    cells = [(str(row.number), f"{row.offset * 1000:,.1f}", _events_text(row), _raw_text(row)) for row in rows]
    literal_table.render(t("inspector.frames"), headers, cells, "antler-frames")


def _events_text(row: FrameRow) -> str:
    """Return the events of a frame, one a line; a dash for a frame without any."""
    if row.kinds == (NO_EVENT,):
        return "–"
    return "\n".join(f"{t(f'inspector.kind_{kind_of(event)}')} {describe_event(event)}" for event in row.events)


def _raw_text(row: FrameRow) -> str:
    text = row.data if row.name in _UNNAMED else f"event: {row.name}\n{row.data}"
    return f"{text}\n{t('inspector.damaged')}" if row.is_damaged else text


def _current_page() -> int:
    page = session_state.widget(_PAGE_KEY)
    return page if isinstance(page, int) and page > 0 else 1


def _show_first_page() -> None:
    session_state.pop_widget(_PAGE_KEY)
