"""Selection of several conversations in the list, and a toolbar of actions on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.history import list_forms
from lib.ui.history.conversation_actions import delete, move, set_archived
from lib.ui.session.state import session_state
from lib.ui.session.values import Selection
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button


def is_active() -> bool:
    """Tell if the list is in selection mode."""
    return session_state.selection is not None


def begin() -> None:
    """Enter selection mode; a callback."""
    session_state.selection = Selection()


def end() -> None:
    """Leave selection mode; a callback."""
    session_state.selection = None


def clear_visible() -> None:
    """Forget the listed conversations before the list is rendered; each row adds itself again."""
    if selection := session_state.selection:
        selection.visible = {}


def render_checkbox(conversation: Conversation) -> None:
    """Render a conversation's row in selection mode."""
    selection = _current_selection()
    selection.visible[conversation.id] = conversation
    key = f"pick-{conversation.id}"
    session_state.set_widget(key, conversation.id in selection.selected)
    st.checkbox(
        escape_markdown(conversation.title),
        key=key,
        width="stretch",
        # By value: an interrupted run may report the same change twice.
        on_change=lambda: selection.set_selected(conversation, bool(session_state.widget(key))),
    )


def render_toolbar(user: User, folder_names: Sequence[str], *, is_archive: bool) -> None:
    """Render the actions on the selected conversations; after the list, which "select all" depends on."""
    selection = _current_selection()
    count = len(selection.selected)
    with st.container(key="selection-bar", gap=None):
        with st.container(key="selection-all", horizontal=True, vertical_alignment="center", gap="small"):
            session_state.set_widget("pick-all", selection.is_all_selected)
            label = t("selection.count", count=count) if count else t("selection.all")
            st.checkbox(label, key="pick-all", width="stretch", on_change=_on_select_all)
            render_button(t("selection.cancel"), "pick-cancel", "", end)
        with st.container(key="selection-actions", horizontal=True, wrap=False, gap="xsmall"):
            if is_archive:
                _render_action("unarchive", "unarchive", lambda: set_archived(user, _end_and_get_selected(), False))
            else:
                _render_action("archive", "archive", lambda: set_archived(user, _end_and_get_selected(), True))
                _render_action("move", "drive_file_move", selection.toggle_folder_picker)
            _render_action("delete", "delete", lambda: delete(user, _end_and_get_selected()))
        if selection.is_folder_picker_open and count:
            list_forms.render_folder_picker(
                "pick-folder",
                folder_names,
                lambda folder: move(user, _end_and_get_selected(), folder),
                selection.toggle_folder_picker,
            )


def _on_select_all() -> None:
    _current_selection().set_all_selected(bool(session_state.widget("pick-all")))


def _render_action(name: str, icon: str, on_click: Callable[[], None]) -> None:
    is_disabled = not _current_selection().selected
    render_button(t(f"selection.{name}"), f"pick-{name}", icon, on_click, disabled=is_disabled)


def _end_and_get_selected() -> list[Conversation]:
    selected = list(_current_selection().selected.values())
    end()
    return selected


def _current_selection() -> Selection:
    return session_state.selection or Selection()
