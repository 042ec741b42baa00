"""Several conversations at once: boxes to check in the list, and a bar of what to do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.history import actions, folders
from lib.ui.session.state import session_state
from lib.ui.session.values import Selection
from lib.ui.text.i18n import escape_markdown, t


def is_active() -> bool:
    """Whether the list is there to choose from."""
    return session_state.selection is not None


def begin() -> None:
    session_state.selection = Selection()


def end() -> None:
    session_state.selection = None


def clear_visible() -> None:
    """A list is about to be painted: what it shows is gathered anew."""
    _current_selection().visible = {}


def render_checkbox(conversation: Conversation) -> None:
    """A conversation's row while several are chosen."""
    picking = _current_selection()
    picking.visible[conversation.id] = conversation
    key = f"pick-{conversation.id}"
    session_state.set_widget(key, conversation.id in picking.selected)
    words, args = escape_markdown(conversation.title), (conversation,)
    st.checkbox(words, key=key, width="stretch", on_change=picking.toggle, args=args)


def render_toolbar(user: User, folder_names: Sequence[str], *, is_archive: bool) -> None:
    """What to do with the chosen ones, when the list is painted; `names` are the folders."""
    picking = _current_selection()
    with st.container(key="picking", gap=None):
        with st.container(key="picking-all", horizontal=True, vertical_alignment="center", gap="small"):
            session_state.set_widget("pick-all", picking.is_all_selected)
            words = t("pick.count", count=len(picking.selected)) if picking.selected else t("pick.all")
            st.checkbox(words, key="pick-all", width="stretch", on_change=picking.toggle_all)
            st.button(t("pick.cancel"), key="pick-cancel", type="tertiary", on_click=end)
        with st.container(key="picking-actions", horizontal=True, wrap=False, gap="xsmall"):
            _render_actions(user, picking, is_archive=is_archive)
        if picking.is_folder_picker_open and picking.selected:
            folders.render_picker(
                "pick-folder",
                folder_names,
                lambda name: _move_selected(user, name),
                picking.toggle_folder_picker,
            )


def _render_actions(user: User, selection: Selection, *, is_archive: bool) -> None:
    none = not selection.selected
    if is_archive:
        _render_action("unarchive", "unarchive", none, lambda: _set_selected_archived(user, archived=False))
    else:
        _render_action("archive", "archive", none, lambda: _set_selected_archived(user, archived=True))
        _render_action("move", "drive_file_move", none, selection.toggle_folder_picker)
    _render_action("delete", "delete", none, lambda: _delete_selected(user))


def _render_action(name: str, icon: str, disabled: bool, callback: Callable[[], None]) -> None:
    words, icon = t(f"pick.{name}"), f":material/{icon}:"
    st.button(words, key=f"pick-{name}", type="tertiary", icon=icon, disabled=disabled, on_click=callback)


def _set_selected_archived(user: User, *, archived: bool) -> None:
    actions.set_archived(user, _pop_selected(), archived)


def _move_selected(user: User, folder: str) -> None:
    actions.move(user, _pop_selected(), folder)


def _delete_selected(user: User) -> None:
    actions.delete(user, _pop_selected())


def _pop_selected() -> list[Conversation]:
    """The chosen ones; the list is then as it always is."""
    chosen = list(_current_selection().selected.values())
    end()
    return chosen


def _current_selection() -> Selection:
    assert session_state.selection is not None
    return session_state.selection
