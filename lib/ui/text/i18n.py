"""The string of that name in this session's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import streamlit as st

from lib.ui.session.state import session_state

_LOCALE_FOLDER = Path(__file__).parents[2] / "locale"

TRANSLATIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        name: MappingProxyType(json.loads((_LOCALE_FOLDER / f"{name}.json").read_text(encoding="utf-8")))
        for name in ("en", "zh")
    }
)


def current_language() -> str:
    """The language chosen in the settings, else the browser's, else English."""
    chosen = session_state.language
    if chosen in TRANSLATIONS:
        return chosen
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def t(key: str, **values: Any) -> str:
    """The string named `key` with `values` filled in. Raises KeyError for a name that does not exist."""
    return translate(current_language(), key, **values)


def translate(language: str, key: str, **values: Any) -> str:
    """The string named `key` in the language `words`, also outside a session."""
    return TRANSLATIONS[language][key].format(**values)


def escape_markdown(text: str) -> str:
    """`text` that somebody typed, as it is: for labels and captions that read Markdown."""
    return "".join(f"\\{char}" if char in _MARKDOWN_CHARACTERS else char for char in " ".join(text.split()))


_MARKDOWN_CHARACTERS = frozenset("\\`*_{}[]()<>#+-.!|~$:^=\"'&")
