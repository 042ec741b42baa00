"""Buttons, menus, choices and downloads in the style that all pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, TypeVarTuple

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown

Option = TypeVar("Option")
Args = TypeVarTuple("Args")


def render_button(
    label: str,
    key: str,
    icon: str,
    on_click: Callable[[*Args], None],
    *args: *Args,
    type: Literal["primary", "secondary", "tertiary"] = "tertiary",
    disabled: bool = False,
    width: Literal["content", "stretch"] = "content",
    about: str = "",
) -> None:
    """Render a button that calls `on_click` with `args`; `icon` is the name of a Material icon, or "".

    `about` names the object of one of several buttons with the same label, for screen readers: the style sheet hides
    it, by the prefix of the key.
    """
    st.button(
        f"{label} :small[{escape_markdown(about)}]" if about else label,
        key=key,
        icon=f":material/{icon}:" if icon else None,
        type=type,
        disabled=disabled,
        width=width,
        on_click=on_click,
        args=args,
    )


def render_menu(
    label: str,
    key: str,
    options: Sequence[Option],
    format_option: Callable[[Option], str],
    on_select: Callable[[Option], None],
    icon: str = "more_horiz",
) -> None:
    """Render a button that opens a menu; a click on an option calls `on_select` with it. `icon` may be ""."""
    st.menu_button(
        label,
        options,
        key=key,
        icon=f":material/{icon}:" if icon else None,
        type="tertiary",
        format_func=format_option,
        on_click=lambda: on_select(session_state.widget(key)),
    )


def render_choice(
    label: str,
    key: str,
    options: Sequence[Option],
    format_option: Callable[[Option], str],
    *,
    default: Option | None = None,
    on_change: Callable[[], None] | None = None,
    persist_state: Literal["session"] | None = None,
) -> Option | None:
    """Render options side by side, one of which is selected; `label` is for screen readers."""
    return st.segmented_control(
        label,
        options,
        default=default,
        key=key,
        required=True,
        format_func=format_option,
        label_visibility="collapsed",
        on_change=on_change,
        persist_state=persist_state,
    )


def render_download(label: str, key: str, write: Callable[[], bytes], file_name: str, mime_type: str) -> None:
    """Render a download button; `write` runs when it is clicked, outside a script run."""
    st.download_button(label, write, file_name, mime_type, key=key, icon=":material/download:", on_click="ignore")


def render_section(label: str, key: str, render: Callable[[], None]) -> None:
    """Render a section that the user opens; `render` is called while it is open, so a closed one costs nothing."""
    section = st.expander(label, key=key, on_change="rerun")
    if section.open:
        with section:
            render()
