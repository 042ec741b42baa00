"""Actions on listed conversations and folders, most of them with undo: pin, move, archive, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.projects import FolderMove, clean_name
from lib.core.sanitize import is_blank
from lib.core.user import User
from lib.ui.session import audit, conversation_view, resources
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import shows_errors

MAX_TITLE_CHARS = 200


@shows_errors
def set_pinned(user: User, conversation: Conversation, pinned: bool) -> None:
    """Pin or unpin a conversation."""
    resources.store().conversations.set_pinned(user.id, [conversation.id], pinned)


@shows_errors
def rename(user: User, conversation: Conversation, title: str) -> None:
    """Rename a conversation; a blank title changes nothing."""
    title = " ".join(title.split())
    if not is_blank(title) and title != conversation.title:
        resources.store().conversations.rename(user.id, conversation.id, title)


@shows_errors
def move(user: User, conversations: Sequence[Conversation], folder: str) -> None:
    """Move conversations into a folder, which unpins them, or out of theirs for ""; with undo."""
    folder = clean_name(folder)
    store = resources.store().conversations
    store.move_to_folder(user.id, _ids(conversations), folder)
    pinned_ids = [conversation.id for conversation in conversations if conversation.pinned] if folder else []
    if pinned_ids:
        store.set_pinned(user.id, pinned_ids, False)
    message = _undo_message("moved" if folder else "unfiled", conversations, folder=escape_markdown(folder))
    note = _instructions_note(user, folder, [conversation.folder for conversation in conversations])
    undo.offer(f"{message} {note}".strip(), partial(_undo_move, user, conversations, pinned_ids))


def _instructions_note(user: User, folder: str, left_folders: Sequence[str]) -> str:
    """Say what a move changes in the next requests: the instructions of the new folder, or of those that were left."""
    found = resources.store().projects.instructions(user.id, [folder, *left_folders])
    left = [name for name in dict.fromkeys(left_folders) if name in found and name != folder]
    if folder in found:
        return t("project.applies", name=escape_markdown(folder))
    return t("project.applies_no_more", name=escape_markdown(left[0])) if left else ""


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


def rename_folder(user: User, folder: str, new_name: str) -> None:
    """Rename a folder, or merge it into the folder of that name; with undo."""
    if new_name and new_name != folder:
        names = {"old_name": escape_markdown(folder), "new_name": escape_markdown(new_name)}
        _move_folder(user, folder, new_name, t("undo.folder_renamed", **names))


def delete_folder(user: User, folder: str) -> None:
    """Delete a folder with its settings, and keep its conversations; with undo."""
    _move_folder(user, folder, "", t("undo.folder_deleted", name=escape_markdown(folder)))


@shows_errors
def _move_folder(user: User, folder: str, new_name: str, message: str) -> None:
    moved = resources.store().projects.move(user.id, folder, new_name)
    note = _instructions_note(user, new_name, []) if moved.has_replaced and new_name else ""
    if not note and moved.has_replaced and moved.project and moved.project.instructions:
        note = t("project.applies_no_more", name=escape_markdown(folder))
    _follow_folder(folder, new_name)
    undo.offer(f"{message} {note}".strip(), partial(_undo_folder_move, user, moved))


def _undo_folder_move(user: User, moved: FolderMove) -> None:
    resources.store().projects.undo_move(user.id, moved)
    if moved.new_name and not moved.has_replaced:
        _follow_folder(moved.new_name, moved.name)


def _follow_folder(folder: str, new_name: str) -> None:
    """Take the draft of a new conversation along, and the address if it names the folder."""
    conversation_view.move_draft(folder, new_name)
    if st.query_params.get(conversation_view.FOLDER_PARAMETER) == folder:
        if new_name:
            st.query_params[conversation_view.FOLDER_PARAMETER] = new_name
        else:
            del st.query_params[conversation_view.FOLDER_PARAMETER]


def _ids(conversations: Iterable[Conversation]) -> list[str]:
    return [conversation.id for conversation in conversations]


def _undo_message(action: str, conversations: Sequence[Conversation], **values: str) -> str:
    if len(conversations) == 1:
        return t(f"undo.{action}", title=escape_markdown(conversations[0].title), **values)
    return t(f"undo.{action}_many", count=len(conversations), **values)
