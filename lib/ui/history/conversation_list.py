"""Conversation list: pinned ones, folders, then by date; and the archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.projects import folder_key
from lib.core.usage import ConversationFilter
from lib.core.user import User
from lib.ui.history import conversation_rows, folders, row, selection
from lib.ui.session import resources
from lib.ui.text import dates, t
from lib.ui.widgets import paging

# Interval at which the end of answers in other conversations is looked for.
_POLL_INTERVAL = timedelta(seconds=3)


@dataclass
class _ListRenderer:
    """One rendering of the list: its user, the open conversation, and the rows rendered so far."""

    user: User
    open_id: str | None
    folder_names: Sequence[str] = ()
    rendered_ids: set[str] = field(default_factory=set)
    arriving_ids: list[str] = field(default_factory=list)

    def render_page(
        self,
        name: str,
        conversation_filter: ConversationFilter,
        render_items: Callable[[list[Conversation]], None],
    ) -> None:
        """Render the current page of a filtered list, with one query."""

        def fetch(limit: int, before: Conversation | None) -> list[Conversation]:
            return resources.store().conversations.page(self.user.id, limit, conversation_filter, before)

        paging.render(name, fetch, render_items)

    def render_rows(self, name: str, items: Iterable[Conversation | str]) -> None:
        """Render conversations and names of headings; `name` is that of the part of the list.

        Rows are one element, which ends above an open form. Each kind of content has a slot of its own: what is no
        longer shown is gone at once, not only when the run has ended.
        """
        # A conversation that was moved between two queries is in both results.
        shown = [item for item in items if isinstance(item, str) or self._add(item)]
        is_selecting, edited_id = selection.is_active(), row.edited_id()
        edited = next((item for item in shown if isinstance(item, Conversation) and item.id == edited_id), None)
        end = 0 if is_selecting else shown.index(edited) if edited else len(shown)
        self._render_element(name, shown[:end])
        has_form = edited is not None and not is_selecting
        with st.container(gap=None) if has_form else st.empty():
            if edited and has_form:
                row.render_form(self.user, edited, self.folder_names)
                self._render_element(f"{name}-below", shown[end + 1 :])
        with st.container(gap=None) if is_selecting else st.empty():
            for item in shown if is_selecting else ():
                _render_selectable(item)

    def _add(self, conversation: Conversation) -> bool:
        """Note that a conversation is listed; False if it already was."""
        if conversation.id in self.rendered_ids:
            return False
        self.rendered_ids.add(conversation.id)
        if conversation.arriving and conversation.id != self.open_id:
            self.arriving_ids.append(conversation.id)
        return True

    def _render_element(self, name: str, rows: list[Conversation | str]) -> None:
        if rows:
            conversation_rows.render(self.user, name, rows, self.open_id)
        else:
            st.empty()

    def render_pinned(self, conversations: list[Conversation]) -> None:
        if conversations:
            self.render_rows("pinned", ["pinned", *conversations])

    def render_by_date(self, conversations: list[Conversation]) -> None:
        groups = dates.group_by_date(conversations, time.time(), dates.reader_timezone())
        items: list[Conversation | str] = []
        for heading, group in groups:
            items += [heading, *group]
        self.render_rows("open", items)

    def render_folder(self, name: str, count: int) -> None:
        if folders.render_folder(self.user, name, count):
            key = folder_key(name)
            with st.container(key=f"folded-{key}", gap=None):
                folders.render_new_chat(name)
                self.render_page(key, ConversationFilter("folder", name), partial(self.render_rows, key))


def render(user: User, open_id: str | None) -> None:
    """Render all conversations that are not archived. Raises StoreError."""
    folder_counts = resources.store().conversations.folders(user.id)
    renderer = _ListRenderer(user, open_id, [name for name, _ in folder_counts])
    with _toolbar_above(renderer, is_archive=False):
        renderer.render_page("pinned", ConversationFilter("pinned"), renderer.render_pinned)
        if not selection.is_active():
            folders.render_heading()
        elif folder_counts:
            _render_heading("folders")
        for name, count in folder_counts:
            renderer.render_folder(name, count)
        renderer.render_page("open", ConversationFilter(), renderer.render_by_date)
        _render_note("" if renderer.rendered_ids or folder_counts else t("sidebar.empty"))


def render_archive(user: User, open_id: str | None) -> None:
    """Render the archived conversations, newest first. Raises StoreError."""
    renderer = _ListRenderer(user, open_id)
    with _toolbar_above(renderer, is_archive=True):
        renderer.render_page("archived", ConversationFilter("archived"), partial(renderer.render_rows, "archived"))
        _render_note("" if renderer.rendered_ids else t("archive.empty"))


@contextmanager
def _toolbar_above(renderer: _ListRenderer, *, is_archive: bool) -> Iterator[None]:
    """Render the selection toolbar above the list, once the list has been rendered."""
    toolbar_slot = st.container(key="list-bar", gap=None)
    selection.clear_visible()
    yield
    if selection.is_active():
        with toolbar_slot:
            selection.render_toolbar(renderer.user, renderer.folder_names, is_archive=is_archive)
    if renderer.arriving_ids:
        # A fragment: it runs alone, and waits while an answer is rendered.
        st.fragment(_rerun_when_finished, run_every=_POLL_INTERVAL)(renderer.user, renderer.arriving_ids)


def _render_selectable(item: Conversation | str) -> None:
    if isinstance(item, str):
        _render_heading(item)
    else:
        with st.container(key=f"row-{item.id}"):
            selection.render_checkbox(item)


def _render_heading(heading: str) -> None:
    with st.container(key=f"head-{heading}"):
        st.caption(dates.heading_text(heading))


def _render_note(note: str) -> None:
    """Render a note, or clear its place: a first chat is listed long before the run ends that answers in it."""
    with st.empty():
        if note:
            with st.container(key="list-note"):
                st.caption(note)


def _rerun_when_finished(user: User, arriving_ids: Sequence[str]) -> None:
    try:
        conversations = [resources.store().conversations.get(user.id, id_) for id_ in arriving_ids]
    except StoreError:
        return  # the next poll tries again
    if not all(conversation and conversation.arriving for conversation in conversations):
        st.rerun()
