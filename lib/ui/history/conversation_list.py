"""The conversations as they are listed: pinned ones, folders, then by days; and the archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import ConversationFilter
from lib.core.user import User
from lib.ui.history import folders, row, selection
from lib.ui.session import resources
from lib.ui.text import dates
from lib.ui.text.i18n import t
from lib.ui.widgets import paging

# How often the end of an answer is looked for that arrives in another conversation.
_POLL_INTERVAL = timedelta(seconds=3)


@dataclass
class _ListRenderer:
    """What one painting of the list knows; `shown` is the open conversation's id, `names` the folders."""

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
        """Draw the shown page of a shelf: one question to the store."""

        def fetch(limit: int, before: Conversation | None) -> list[Conversation]:
            return resources.store().conversations.page(self.user.id, limit, conversation_filter, before)

        paging.render(name, fetch, render_items)

    def render_rows(self, conversations: Iterable[Conversation]) -> None:
        for conversation in conversations:
            # Read shelf by shelf, one may have been moved from this to that in between.
            if conversation.id in self.rendered_ids:
                continue
            self.rendered_ids.add(conversation.id)
            here = conversation.id == self.open_id
            row.render(self.user, conversation, self.folder_names, is_open=here)
            if conversation.arriving and not here:
                self.arriving_ids.append(conversation.id)


def render(user: User, open_id: str | None) -> None:
    """All conversations that are not archived; `shown` is the open one's id. Raises StoreError."""
    bar = st.container(key="list-bar", gap=None)
    if selection.is_active():
        selection.clear_visible()
    filed = resources.store().conversations.folders(user.id)
    listed = _ListRenderer(user, open_id, [name for name, _ in filed])
    listed.render_page(
        "pinned", ConversationFilter("pinned"), lambda found: _render_section("pinned", found, listed)
    )
    if filed:
        _render_heading("folders")
    for name, count in filed:
        if folders.render_folder(user, name, count):
            with st.container(key=f"folded-{folders.folder_key(name)}", gap=None):
                listed.render_page(
                    folders.folder_key(name), ConversationFilter("folder", name), listed.render_rows
                )
    listed.render_page("open", ConversationFilter(), lambda found: _render_by_day(found, listed))
    if not listed.rendered_ids and not filed:
        st.caption(t("sidebar.empty"))
    if selection.is_active():
        with bar:
            selection.render_toolbar(user, listed.folder_names, is_archive=False)
    _poll_arriving(user, listed.arriving_ids)


def render_archive(user: User, open_id: str | None) -> None:
    """The archived conversations, newest first. Raises StoreError."""
    bar = st.container(key="list-bar", gap=None)
    if selection.is_active():
        selection.clear_visible()
    listed = _ListRenderer(user, open_id)
    listed.render_page("archived", ConversationFilter("archived"), listed.render_rows)
    if not listed.rendered_ids:
        st.caption(t("archive.empty"))
    if selection.is_active():
        with bar:
            selection.render_toolbar(user, (), is_archive=True)
    _poll_arriving(user, listed.arriving_ids)


def _render_section(name: str, conversations: list[Conversation], renderer: _ListRenderer) -> None:
    if conversations:
        _render_heading(name)
        renderer.render_rows(conversations)


def _render_by_day(conversations: list[Conversation], renderer: _ListRenderer) -> None:
    zone = dates.reader_timezone()
    for name, group in dates.group_by_date(conversations, time.time(), zone):
        _render_heading(name)
        renderer.render_rows(group)


def _render_heading(name: str) -> None:
    with st.container(key=f"head-{name}"):
        st.caption(dates.heading_text(name))


def _poll_arriving(user: User, arriving_ids: Sequence[str]) -> None:
    """See the end of answers that arrive elsewhere, as far as this page is not painting one itself.

    A run of the page then paints the list; until then a small question every few seconds is all. While an
    answer is painted these wait, as all fragments do, and do not disturb it.
    """
    if arriving_ids:
        st.fragment(_rerun_when_finished, run_every=_POLL_INTERVAL)(user, arriving_ids)


def _rerun_when_finished(user: User, arriving_ids: Sequence[str]) -> None:
    try:
        found = [resources.store().conversations.get(user.id, one) for one in arriving_ids]
    except StoreError:
        return  # it is asked again soon
    if not all(one and one.arriving for one in found):
        st.rerun()
