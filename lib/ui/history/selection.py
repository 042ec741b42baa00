"""Several conversations at once: boxes to check in the list, and a bar of what to do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.history import actions, folders
from lib.ui.text.i18n import escape_markdown, t

_STATE_KEY = "picking"


@dataclass
class _Selection:
    """`chosen` are the checked ones, `listed` those that this run shows; both by id."""

    selected: dict[str, Conversation] = field(default_factory=dict)
    visible: dict[str, Conversation] = field(default_factory=dict)
    is_folder_picker_open: bool = False

    def toggle(self, conversation: Conversation) -> None:
        if self.selected.pop(conversation.id, None) is None:
            self.selected[conversation.id] = conversation

    def toggle_all(self) -> None:
        self.selected = {} if self.is_all_selected else {**self.selected, **self.visible}

    def toggle_folder_picker(self) -> None:
        self.is_folder_picker_open = not self.is_folder_picker_open

    @property
    def is_all_selected(self) -> bool:
        return bool(self.visible) and self.visible.keys() <= self.selected.keys()


def is_active() -> bool:
    """Whether the list is there to choose from."""
    return _STATE_KEY in st.session_state


def begin() -> None:
    st.session_state[_STATE_KEY] = _Selection()


def end() -> None:
    st.session_state.pop(_STATE_KEY, None)


def clear_visible() -> None:
    """A list is about to be painted: what it shows is gathered anew."""
    _current_selection().visible = {}


def render_checkbox(conversation: Conversation) -> None:
    """A conversation's row while several are chosen."""
    picking = _current_selection()
    picking.visible[conversation.id] = conversation
    key = f"pick-{conversation.id}"
    st.session_state[key] = conversation.id in picking.selected
    words, args = escape_markdown(conversation.title), (conversation,)
    st.checkbox(words, key=key, width="stretch", on_change=picking.toggle, args=args)


def render_toolbar(user: User, folder_names: Sequence[str], *, is_archive: bool) -> None:
    """What to do with the chosen ones, when the list is painted; `names` are the folders."""
    picking = _current_selection()
    with st.container(key="picking", gap=None):
        with st.container(key="picking-all", horizontal=True, vertical_alignment="center", gap="small"):
            st.session_state["pick-all"] = picking.is_all_selected
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


def _render_actions(user: User, selection: _Selection, *, is_archive: bool) -> None:
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


def _current_selection() -> _Selection:
    found: _Selection = st.session_state[_STATE_KEY]
    return found
