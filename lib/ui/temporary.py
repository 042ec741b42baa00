"""The temporary chat: its switch on the empty page, and the line that says what it is."""

from __future__ import annotations

import streamlit as st

from lib.core.types import Person
from lib.ui import state, views
from lib.ui.problem import tried
from lib.ui.text import t


def paint(person: Person, view: views.View) -> None:
    """The switch where nothing has been said yet, and the line while it is on."""
    on = state.scratch() is not None
    if view.nodes and not on:
        return
    with st.container(key="temporary", horizontal=True, vertical_alignment="center", gap="small"):
        if on:
            st.caption(f":material/visibility_off: {t('temporary.about')}")
        if not view.nodes:
            st.button(
                t("temporary.on" if on else "temporary.off"),
                key="temporary-switch",
                icon=":material/check:" if on else ":material/visibility_off:",
                type="secondary" if on else "tertiary",
                on_click=_switch,
                args=(person,),
            )


@tried
def _switch(person: Person) -> None:
    if state.scratch():
        state.end_temporary()
    else:
        state.begin_temporary(person.id)
