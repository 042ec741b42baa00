"""What is done with conversations in the list, each with its way back: pin, move, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.usage import ConversationFilter
from lib.core.user import User
from lib.ui.session import audit, resources
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import shows_errors

MAX_FOLDER_CHARS = 60
_BATCH_SIZE = 500  # conversations read at once where a whole folder is meant


@shows_errors
def set_pinned(user: User, conversation: Conversation, pinned: bool) -> None:
    resources.store().conversations.set_pinned(user.id, [conversation.id], pinned)


@shows_errors
def rename(user: User, conversation: Conversation, title: str) -> None:
    title = " ".join(title.split())
    if title and title != conversation.title:
        resources.store().conversations.rename(user.id, conversation.id, title)


@shows_errors
def move(user: User, conversations: Sequence[Conversation], folder: str) -> None:
    """Put conversations into a folder, and then they are not pinned any more; "" takes them out of theirs."""
    folder = normalize_folder_name(folder)
    ids = [one.id for one in conversations]
    resources.store().conversations.move_to_folder(user.id, ids, folder)
    pinned = [one.id for one in conversations if one.pinned] if folder else []
    if pinned:
        resources.store().conversations.set_pinned(user.id, pinned, False)
    words = _undo_message("moved" if folder else "unfiled", conversations, folder=escape_markdown(folder))
    undo.offer(words, partial(_undo_move, user, conversations, pinned))


def _undo_move(user: User, conversations: Sequence[Conversation], pinned_ids: list[str]) -> None:
    for folder, ones in groupby(sorted(conversations, key=lambda one: one.folder), lambda one: one.folder):
        resources.store().conversations.move_to_folder(user.id, [one.id for one in ones], folder)
    if pinned_ids:
        resources.store().conversations.set_pinned(user.id, pinned_ids, True)


@shows_errors
def set_archived(user: User, conversations: Sequence[Conversation], archived: bool) -> None:
    """Put conversations away, or back; what is put away is not open any more."""
    ids = [one.id for one in conversations]
    resources.store().conversations.set_archived(user.id, ids, archived)
    words = _undo_message("archived" if archived else "unarchived", conversations)
    back = partial(resources.store().conversations.set_archived, user.id, ids, not archived)
    undo.offer(words, _close_if_open(ids, back) if archived else back)


@shows_errors
def delete(user: User, conversations: Sequence[Conversation]) -> None:
    """Delete conversations; their answers end."""
    ids = [one.id for one in conversations]
    for id_ in ids:
        if running := resources.generations().find(user.id, id_):
            running.stop()
    resources.store().conversations.delete(user.id, ids)
    _record_deletion(user, ids)
    undo.offer(
        _undo_message("deleted", conversations),
        _close_if_open(ids, partial(resources.store().conversations.restore, user.id, ids)),
    )


def _record_deletion(user: User, ids: Sequence[str]) -> None:
    if len(ids) == 1:
        audit.record(user, "delete", ids[0])
    else:
        audit.record(user, "delete", conversations=list(ids))


def _close_if_open(ids: Sequence[str], undo_action: Callable[[], None]) -> Callable[[], None]:
    """Close the open conversation if it is one of these; how to take that back, after `back`."""
    shown = st.query_params.get("c")
    if shown is None or shown not in ids:
        return undo_action
    st.query_params.pop("c", None)

    def reopen() -> None:
        undo_action()
        st.query_params["c"] = shown

    return reopen


def normalize_folder_name(name: str) -> str:
    """A folder's name as it is kept."""
    return " ".join(name.split())[:MAX_FOLDER_CHARS].strip()


def rename_folder(user: User, folder: str, new_name: str) -> None:
    """Give a folder another name; the one of another folder joins them."""
    if new_name and new_name != folder:
        _move_folder(
            user,
            folder,
            new_name,
            t("undo.folder_renamed", before=escape_markdown(folder), name=escape_markdown(new_name)),
        )


def delete_folder(user: User, folder: str) -> None:
    """Take everything out of a folder, which then is no more."""
    _move_folder(user, folder, "", t("undo.folder_deleted", name=escape_markdown(folder)))


@shows_errors
def _move_folder(user: User, source: str, destination: str, message: str) -> None:
    # Pinned and archived ones too: they would bring the old folder back on their way into the list.
    ids = [one.id for one in _iter_conversations(user, source) if one.folder == source]
    resources.store().conversations.move_to_folder(user.id, ids, destination)
    undo.offer(message, partial(resources.store().conversations.move_to_folder, user.id, ids, source))


def _iter_conversations(user: User, folder: str) -> Iterator[Conversation]:
    for shelf in (
        ConversationFilter("folder", folder),
        ConversationFilter("pinned"),
        ConversationFilter("archived"),
    ):
        last = None
        while found := resources.store().conversations.page(user.id, _BATCH_SIZE, shelf, last):
            yield from found
            last = found[-1]


def _undo_message(action: str, conversations: Sequence[Conversation], **values: str) -> str:
    if len(conversations) == 1:
        return t(f"undo.{action}", title=escape_markdown(conversations[0].title), **values)
    return t(f"undo.{action}_many", count=len(conversations), **values)
