"""Several conversations at once: boxes to check in the list, and a bar of what to do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import Person
from lib.ui.history import actions, folders
from lib.ui.text.i18n import literal, t

_STATE = "picking"


@dataclass
class _Picking:
    """`chosen` are the checked ones, `listed` those that this run shows; both by id."""

    chosen: dict[str, Conversation] = field(default_factory=dict)
    listed: dict[str, Conversation] = field(default_factory=dict)
    moving: bool = False

    def toggle(self, conversation: Conversation) -> None:
        if self.chosen.pop(conversation.id, None) is None:
            self.chosen[conversation.id] = conversation

    def toggle_all(self) -> None:
        self.chosen = {} if self.all_chosen else {**self.chosen, **self.listed}

    def toggle_moving(self) -> None:
        self.moving = not self.moving

    @property
    def all_chosen(self) -> bool:
        return bool(self.listed) and self.listed.keys() <= self.chosen.keys()


def on() -> bool:
    """Whether the list is there to choose from."""
    return _STATE in st.session_state


def begin() -> None:
    st.session_state[_STATE] = _Picking()


def end() -> None:
    st.session_state.pop(_STATE, None)


def start() -> None:
    """A list is about to be painted: what it shows is gathered anew."""
    _picking().listed = {}


def box(conversation: Conversation) -> None:
    """A conversation's row while several are chosen."""
    picking = _picking()
    picking.listed[conversation.id] = conversation
    key = f"pick-{conversation.id}"
    st.session_state[key] = conversation.id in picking.chosen
    words, args = literal(conversation.title), (conversation,)
    st.checkbox(words, key=key, width="stretch", on_change=picking.toggle, args=args)


def bar(person: Person, names: Sequence[str], *, archived: bool) -> None:
    """What to do with the chosen ones, when the list is painted; `names` are the folders."""
    picking = _picking()
    with st.container(key="picking", gap=None):
        with st.container(key="picking-all", horizontal=True, vertical_alignment="center", gap="small"):
            st.session_state["pick-all"] = picking.all_chosen
            words = t("pick.count", count=len(picking.chosen)) if picking.chosen else t("pick.all")
            st.checkbox(words, key="pick-all", width="stretch", on_change=picking.toggle_all)
            st.button(t("pick.cancel"), key="pick-cancel", type="tertiary", on_click=end)
        with st.container(key="picking-actions", horizontal=True, wrap=False, gap="xsmall"):
            _actions(person, picking, archived=archived)
        if picking.moving and picking.chosen:
            folders.picker("pick-folder", names, lambda name: _move(person, name), picking.toggle_moving)


def _actions(person: Person, picking: _Picking, *, archived: bool) -> None:
    none = not picking.chosen
    if archived:
        _action("unarchive", "unarchive", none, lambda: _archive(person, wanted=False))
    else:
        _action("archive", "archive", none, lambda: _archive(person, wanted=True))
        _action("move", "drive_file_move", none, picking.toggle_moving)
    _action("delete", "delete", none, lambda: _delete(person))


def _action(name: str, icon: str, disabled: bool, action: Callable[[], None]) -> None:
    words, icon = t(f"pick.{name}"), f":material/{icon}:"
    st.button(words, key=f"pick-{name}", type="tertiary", icon=icon, disabled=disabled, on_click=action)


def _archive(person: Person, *, wanted: bool) -> None:
    actions.archive(person, _taken(), wanted)


def _move(person: Person, folder: str) -> None:
    actions.move(person, _taken(), folder)


def _delete(person: Person) -> None:
    actions.delete(person, _taken())


def _taken() -> list[Conversation]:
    """The chosen ones; the list is then as it always is."""
    chosen = list(_picking().chosen.values())
    end()
    return chosen


def _picking() -> _Picking:
    found: _Picking = st.session_state[_STATE]
    return found
