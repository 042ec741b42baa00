"""Appearance and language that Streamlit has no options for: style sheet, `<html lang>`, built-in texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from lib.ui.text import current_language, t, translate

_FOLDER = Path(__file__).parent
_CSS = (_FOLDER / "theme.css").read_text(encoding="utf-8")
_LANGUAGE_SCRIPT = (_FOLDER / "language.js").read_text(encoding="utf-8")
_HTML_LANGUAGES = {"en": "en", "zh": "zh-CN"}
# Texts of Streamlit's own widgets, below "streamlit."; the English ones are what it shows.
_STREAMLIT_TEXTS = (
    "add_option",
    "choose_option",
    "clear",
    "close",
    "collapse_sidebar",
    "copied",
    "copy",
    "decrement",
    "expand_sidebar",
    "hide_password",
    "increment",
    "no_results",
    "press_to_apply",
    "press_to_submit",
    "send",
    "show_password",
)


def render() -> None:
    """Render the style sheet and the script of the language; at the start of every run."""
    st.html(f"<style>{_CSS}</style>")
    language = current_language()
    patterns = [
        (translate("en", f"streamlit.{name}", text="(.+)"), t(f"streamlit.{name}", text="$1"))
        for name in _STREAMLIT_TEXTS
        if language != "en"
    ]
    _language_component()(key="language", data={"language": _HTML_LANGUAGES[language], "patterns": patterns})


@st.cache_resource(show_spinner=False)
def _language_component() -> Any:
    # Registered on first use: there is no server to register it with when this module is imported.
    return st.components.v2.component("antler.language", js=_LANGUAGE_SCRIPT)
