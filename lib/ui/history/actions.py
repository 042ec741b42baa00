"""What is done with conversations in the list, each with its way back: pin, move, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.usage import Shelf
from lib.core.user import Person
from lib.ui.session import audit, resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import tried

FOLDER_CHARS = 60
_BATCH = 500  # conversations read at once where a whole folder is meant


@tried
def pin(person: Person, conversation: Conversation, wanted: bool) -> None:
    resources.store().pin(person.id, [conversation.id], wanted)


@tried
def rename(person: Person, conversation: Conversation, title: str) -> None:
    title = " ".join(title.split())
    if title and title != conversation.title:
        resources.store().rename(person.id, conversation.id, title)


@tried
def move(person: Person, chosen: Sequence[Conversation], folder: str) -> None:
    """Put conversations into a folder, and then they are not pinned any more; "" takes them out of theirs."""
    folder = folder_name(folder)
    ids = [one.id for one in chosen]
    resources.store().file(person.id, ids, folder)
    pinned = [one.id for one in chosen if one.pinned] if folder else []
    if pinned:
        resources.store().pin(person.id, pinned, False)
    words = _words("moved" if folder else "unfiled", chosen, folder=literal(folder))
    undo.offer(words, partial(_move_back, person, chosen, pinned))


def _move_back(person: Person, chosen: Sequence[Conversation], pinned: list[str]) -> None:
    for folder, ones in groupby(sorted(chosen, key=lambda one: one.folder), lambda one: one.folder):
        resources.store().file(person.id, [one.id for one in ones], folder)
    if pinned:
        resources.store().pin(person.id, pinned, True)


@tried
def archive(person: Person, chosen: Sequence[Conversation], wanted: bool) -> None:
    """Put conversations away, or back; what is put away is not open any more."""
    ids = [one.id for one in chosen]
    resources.store().archive(person.id, ids, wanted)
    words = _words("archived" if wanted else "unarchived", chosen)
    back = partial(resources.store().archive, person.id, ids, not wanted)
    undo.offer(words, _leave(ids, back) if wanted else back)


@tried
def delete(person: Person, chosen: Sequence[Conversation]) -> None:
    """Delete conversations; their answers end."""
    ids = [one.id for one in chosen]
    for id_ in ids:
        if running := resources.answers().find(person.id, id_):
            running.stop()
    resources.store().delete(person.id, ids)
    _note(person, ids)
    undo.offer(_words("deleted", chosen), _leave(ids, partial(resources.store().restore, person.id, ids)))


def _note(person: Person, ids: Sequence[str]) -> None:
    if len(ids) == 1:
        audit.note(person, "delete", ids[0])
    else:
        audit.note(person, "delete", conversations=list(ids))


def _leave(ids: Sequence[str], back: Callable[[], None]) -> Callable[[], None]:
    """Close the open conversation if it is one of these; how to take that back, after `back`."""
    shown = st.query_params.get("c")
    if shown is None or shown not in ids:
        return back
    st.query_params.pop("c", None)

    def reopen() -> None:
        back()
        st.query_params["c"] = shown

    return reopen


def folder_name(typed: str) -> str:
    """A folder's name as it is kept."""
    return " ".join(typed.split())[:FOLDER_CHARS].strip()


def rename_folder(person: Person, folder: str, name: str) -> None:
    """Give a folder another name; the one of another folder joins them."""
    if name and name != folder:
        _refile(person, folder, name, t("undo.folder_renamed", before=literal(folder), name=literal(name)))


def delete_folder(person: Person, folder: str) -> None:
    """Take everything out of a folder, which then is no more."""
    _refile(person, folder, "", t("undo.folder_deleted", name=literal(folder)))


@tried
def _refile(person: Person, before: str, after: str, words: str) -> None:
    # Pinned and archived ones too: they would bring the old folder back on their way into the list.
    ids = [one.id for one in _every(person, before) if one.folder == before]
    resources.store().file(person.id, ids, after)
    undo.offer(words, partial(resources.store().file, person.id, ids, before))


def _every(person: Person, folder: str) -> Iterator[Conversation]:
    for shelf in (Shelf("folder", folder), Shelf("pinned"), Shelf("archived")):
        last = None
        while found := resources.store().conversations(person.id, _BATCH, shelf, last):
            yield from found
            last = found[-1]


def _words(what: str, chosen: Sequence[Conversation], **values: str) -> str:
    if len(chosen) == 1:
        return t(f"undo.{what}", title=literal(chosen[0].title), **values)
    return t(f"undo.{what}_many", count=len(chosen), **values)
