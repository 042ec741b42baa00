"""The conversations as they are listed: pinned ones, folders, then by days; and the archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import Shelf
from lib.core.user import Person
from lib.ui.history import folders, row, selection
from lib.ui.session import resources
from lib.ui.text import dates
from lib.ui.text.i18n import t
from lib.ui.widgets import paging

# How often the end of an answer is looked for that arrives in another conversation.
_LOOK_EVERY = timedelta(seconds=3)


@dataclass
class _List:
    """What one painting of the list knows; `shown` is the open conversation's id, `names` the folders."""

    person: Person
    shown: str | None
    names: Sequence[str] = ()
    painted: set[str] = field(default_factory=set)
    arriving: list[str] = field(default_factory=list)

    def shelf(self, name: str, shelf: Shelf, draw: Callable[[list[Conversation]], None]) -> None:
        """Draw the shown page of a shelf: one question to the store."""

        def fetch(limit: int, before: Conversation | None) -> list[Conversation]:
            return resources.store().conversations(self.person.id, limit, shelf, before)

        paging.paint(name, fetch, draw)

    def rows(self, found: Iterable[Conversation]) -> None:
        for conversation in found:
            # Read shelf by shelf, one may have been moved from this to that in between.
            if conversation.id in self.painted:
                continue
            self.painted.add(conversation.id)
            here = conversation.id == self.shown
            row.paint(self.person, conversation, self.names, here=here)
            if conversation.arriving and not here:
                self.arriving.append(conversation.id)


def paint(person: Person, shown: str | None) -> None:
    """All conversations that are not archived; `shown` is the open one's id. Raises StoreError."""
    bar = st.container(key="list-bar", gap=None)
    if selection.on():
        selection.start()
    filed = resources.store().folders(person.id)
    listed = _List(person, shown, [name for name, _ in filed])
    listed.shelf("pinned", Shelf("pinned"), lambda found: _under("pinned", found, listed))
    if filed:
        _head("folders")
    for name, count in filed:
        if folders.fold(person, name, count):
            with st.container(key=f"folded-{folders.mark(name)}", gap=None):
                listed.shelf(folders.mark(name), Shelf("folder", name), listed.rows)
    listed.shelf("open", Shelf(), lambda found: _by_days(found, listed))
    if not listed.painted and not filed:
        st.caption(t("sidebar.empty"))
    if selection.on():
        with bar:
            selection.bar(person, listed.names, archived=False)
    _watch(person, listed.arriving)


def paint_archive(person: Person, shown: str | None) -> None:
    """The archived conversations, newest first. Raises StoreError."""
    bar = st.container(key="list-bar", gap=None)
    if selection.on():
        selection.start()
    listed = _List(person, shown)
    listed.shelf("archived", Shelf("archived"), listed.rows)
    if not listed.painted:
        st.caption(t("archive.empty"))
    if selection.on():
        with bar:
            selection.bar(person, (), archived=True)
    _watch(person, listed.arriving)


def _under(name: str, found: list[Conversation], listed: _List) -> None:
    if found:
        _head(name)
        listed.rows(found)


def _by_days(found: list[Conversation], listed: _List) -> None:
    zone = dates.zone(st.context.timezone, st.context.timezone_offset)
    for name, group in dates.grouped(found, time.time(), zone):
        _head(name)
        listed.rows(group)


def _head(name: str) -> None:
    """A quiet caption; of a month, e.g. "2026-10", its name."""
    year, _, month = name.partition("-")
    words = t("day.in", month=t(f"month.{int(month)}"), year=year) if month else t(f"day.{name}")
    with st.container(key=f"head-{name}"):
        st.caption(words)


def _watch(person: Person, arriving: Sequence[str]) -> None:
    """See the end of answers that arrive elsewhere, as far as this page is not painting one itself.

    A run of the page then paints the list; until then a small question every few seconds is all. While an
    answer is painted these wait, as all fragments do, and do not disturb it.
    """
    if arriving:
        st.fragment(_look, run_every=_LOOK_EVERY)(person, arriving)


def _look(person: Person, arriving: Sequence[str]) -> None:
    try:
        found = [resources.store().conversation(person.id, one) for one in arriving]
    except StoreError:
        return  # it is asked again soon
    if not all(one and one.arriving for one in found):
        st.rerun()
