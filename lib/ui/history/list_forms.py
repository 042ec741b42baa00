"""Small forms inside the list: rename a conversation or a folder, choose a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_button


def close() -> None:
    """Close the form in the list; a callback."""
    del session_state.list_form


def render_rename_form(
    key: str,
    label: str,
    name: str,
    max_chars: int,
    on_save: Callable[[str], None],
) -> None:
    """Render a text field with Save and Cancel; `key` names its elements, `on_save` gets the typed name."""
    field_key = f"name-{key}"

    def save() -> None:
        close()
        on_save(str(session_state.widget(field_key, "")))

    with st.container(key=f"rename-place-{key}"), st.form(f"rename-{key}", border=False):
        st.text_input(label, name, key=field_key, max_chars=max_chars, label_visibility="collapsed")
        with st.container(key=f"rename-buttons-{key}", horizontal=True, gap="small"):
            st.form_submit_button(t("rename.save"), type="primary", on_click=save)
            st.form_submit_button(t("rename.cancel"), key=f"close-rename-{key}", on_click=close)


def render_folder_picker(
    key: str,
    folder_names: Sequence[str],
    on_choose: Callable[[str], None],
    on_cancel: Callable[[], None],
    *,
    allow_none: bool = True,
) -> None:
    """Render a choice of folders that also takes a new name; `allow_none` adds "no folder", which is ""."""

    def choose() -> None:
        if name := session_state.widget(key):
            on_choose(name)

    with st.container(key=f"{key}-place", gap="xsmall"):
        st.selectbox(
            t("folder.label"),
            list(folder_names),
            index=None,
            key=key,
            placeholder=t("folder.placeholder"),
            accept_new_options=True,
            label_visibility="collapsed",
            on_change=choose,
        )
        with st.container(key=f"{key}-buttons", horizontal=True, gap="small"):
            if allow_none:
                render_button(t("folder.none"), f"{key}-none", "", on_choose, "")
            render_button(t("rename.cancel"), f"close-{key}", "", on_cancel)
