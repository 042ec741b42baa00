"""Actions on listed conversations and folders, most of them with undo: pin, move, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.usage import ConversationFilter
from lib.core.user import User
from lib.ui.session import audit, resources
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import shows_errors

MAX_FOLDER_CHARS = 60
_BATCH_SIZE = 500  # conversations read at once for an action on a whole folder


@shows_errors
def set_pinned(user: User, conversation: Conversation, pinned: bool) -> None:
    """Pin or unpin a conversation."""
    resources.store().conversations.set_pinned(user.id, [conversation.id], pinned)


@shows_errors
def rename(user: User, conversation: Conversation, title: str) -> None:
    """Rename a conversation; a blank title changes nothing."""
    title = " ".join(title.split())
    if title and title != conversation.title:
        resources.store().conversations.rename(user.id, conversation.id, title)


@shows_errors
def move(user: User, conversations: Sequence[Conversation], folder: str) -> None:
    """Move conversations into a folder, which unpins them, or out of theirs for ""; with undo."""
    folder = normalize_folder_name(folder)
    store = resources.store().conversations
    store.move_to_folder(user.id, _ids(conversations), folder)
    pinned_ids = [conversation.id for conversation in conversations if conversation.pinned] if folder else []
    if pinned_ids:
        store.set_pinned(user.id, pinned_ids, False)
    message = _undo_message("moved" if folder else "unfiled", conversations, folder=escape_markdown(folder))
    undo.offer(message, partial(_undo_move, user, conversations, pinned_ids))


def _undo_move(user: User, conversations: Sequence[Conversation], pinned_ids: list[str]) -> None:
    store = resources.store().conversations
    by_folder = attrgetter("folder")
    for folder, group in groupby(sorted(conversations, key=by_folder), by_folder):
        store.move_to_folder(user.id, _ids(group), folder)
    if pinned_ids:
        store.set_pinned(user.id, pinned_ids, True)


@shows_errors
def set_archived(user: User, conversations: Sequence[Conversation], archived: bool) -> None:
    """Archive conversations, which closes them, or unarchive them; with undo."""
    ids = _ids(conversations)
    store = resources.store().conversations
    store.set_archived(user.id, ids, archived)
    undo_action = partial(store.set_archived, user.id, ids, not archived)
    undo.offer(
        _undo_message("archived" if archived else "unarchived", conversations),
        _close_if_open(ids, undo_action) if archived else undo_action,
    )


@shows_errors
def delete(user: User, conversations: Sequence[Conversation]) -> None:
    """Delete conversations and stop their running answers; with undo."""
    ids = _ids(conversations)
    for conversation_id in ids:
        if generation := resources.generations().find(user.id, conversation_id):
            generation.stop()
    store = resources.store().conversations
    store.delete(user.id, ids)
    if len(ids) == 1:
        audit.record(user, "delete", ids[0])
    else:
        audit.record(user, "delete", conversations=ids)
    undo_action = partial(store.restore, user.id, ids)
    undo.offer(_undo_message("deleted", conversations), _close_if_open(ids, undo_action))


def _close_if_open(ids: Sequence[str], undo_action: Callable[[], None]) -> Callable[[], None]:
    """Close the open conversation if it is among `ids`. Returns `undo_action`, which then reopens it too."""
    open_id = st.query_params.get("c")
    if open_id is None or open_id not in ids:
        return undo_action
    st.query_params.pop("c", None)

    def undo_and_reopen() -> None:
        undo_action()
        st.query_params["c"] = open_id

    return undo_and_reopen


def normalize_folder_name(name: str) -> str:
    """Return a folder name as it is stored: on one line, of at most MAX_FOLDER_CHARS characters."""
    return " ".join(name.split())[:MAX_FOLDER_CHARS].strip()


def rename_folder(user: User, folder: str, new_name: str) -> None:
    """Rename a folder, or merge it into the folder of that name; with undo."""
    if new_name and new_name != folder:
        names = {"old_name": escape_markdown(folder), "new_name": escape_markdown(new_name)}
        _move_folder(user, folder, new_name, t("undo.folder_renamed", **names))


def delete_folder(user: User, folder: str) -> None:
    """Delete a folder and keep its conversations; with undo."""
    _move_folder(user, folder, "", t("undo.folder_deleted", name=escape_markdown(folder)))


@shows_errors
def _move_folder(user: User, source: str, destination: str, message: str) -> None:
    # Pinned and archived ones too: unpinned or unarchived, they would bring the old folder back.
    ids = [conversation.id for conversation in _iter_conversations(user, source)]
    store = resources.store().conversations
    store.move_to_folder(user.id, ids, destination)
    undo.offer(message, partial(store.move_to_folder, user.id, ids, source))


def _iter_conversations(user: User, folder: str) -> Iterator[Conversation]:
    """Iterate over all conversations of a folder, read in batches."""
    for conversation_filter in (
        ConversationFilter("folder", folder),
        ConversationFilter("pinned"),
        ConversationFilter("archived"),
    ):
        last = None
        while batch := resources.store().conversations.page(user.id, _BATCH_SIZE, conversation_filter, last):
            yield from (conversation for conversation in batch if conversation.folder == folder)
            last = batch[-1]


def _ids(conversations: Iterator[Conversation] | Sequence[Conversation]) -> list[str]:
    return [conversation.id for conversation in conversations]


def _undo_message(action: str, conversations: Sequence[Conversation], **values: str) -> str:
    if len(conversations) == 1:
        return t(f"undo.{action}", title=escape_markdown(conversations[0].title), **values)
    return t(f"undo.{action}_many", count=len(conversations), **values)
