"""Translated screen texts: message catalogues, plural forms, and Markdown escaping."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import streamlit as st
from babel import Locale

from lib.ui.session.state import session_state

# A message, or its plural forms by CLDR category ("one", "other").
Message = str | Mapping[str, str]

_LOCALE_FOLDER = Path(__file__).parents[2] / "locale"
_ADDRESS = re.compile(r"(?<=http)\\?:|(?<=https)\\?:|(?<=ww)w(?=\\?\.)|@", re.IGNORECASE)
_REPLACED_BY_STREAMLIT = re.compile(
    r"(?<=:)material(?=[/_])|(?<=:)streamlit(?=:)|(?<!\S)(?:<->|<-|->|--|>=|<=|~=)(?!\S)"
)
_MARKDOWN_CHARACTERS = frozenset("\\`*_{}[]()<>#+-.!|~$:^=\"'&")

LANGUAGES = ("en", "zh")
TRANSLATIONS: Mapping[str, Mapping[str, Message]] = MappingProxyType(
    {
        language: MappingProxyType(json.loads((_LOCALE_FOLDER / f"{language}.json").read_text(encoding="utf-8")))
        for language in LANGUAGES
    }
)
LOCALES: Mapping[str, Locale] = MappingProxyType({language: Locale.parse(language) for language in LANGUAGES})


class _Run(threading.local):
    language = ""  # of the script run on this thread


_run = _Run()


def set_run_language() -> None:
    """Look the language up for all texts of a run of the script; at its start."""
    _run.language = _find_language()


def current_language() -> str:
    """Return the language chosen in the settings, else the browser's, else English."""
    return _run.language or _find_language()


def _find_language() -> str:
    chosen = session_state.language
    if chosen in LANGUAGES:
        return chosen
    return language_from_header(st.context.locale or "")


def language_from_header(accept_language: str) -> str:
    """Return the language for an Accept-Language header, outside a session."""
    return "zh" if accept_language.lower().startswith("zh") else "en"


def current_locale() -> Locale:
    """Return the Babel locale of the current language, to format dates and numbers."""
    return LOCALES[current_language()]


def t(key: str, **values: Any) -> str:
    """Translate a message into the current language, with `values` filled in.

    A message with plural forms is chosen by `count`. Raises KeyError for an unknown key or a missing value.
    """
    return translate(current_language(), key, **values)


def translate(language: str, key: str, **values: Any) -> str:
    """Translate a message into a language, also outside a session; see `t`."""
    message = TRANSLATIONS[language][key]
    if not isinstance(message, str):
        message = message[LOCALES[language].plural_form(values["count"])]
    return message.format(**values)


def has_message(key: str) -> bool:
    """Tell if the catalogues have a message of that key."""
    return key in TRANSLATIONS["en"]


def escape_markdown(text: str) -> str:
    """Return `text` on one line with Markdown characters escaped, for labels and captions.

    Streamlit looks for its icons, its logo and arrows after the escapes are resolved, but not across markup: a color
    directive without a color splits them and is invisible.
    """
    pieces: list[str] = []
    position = 0
    line = " ".join(text.split())
    for match in _REPLACED_BY_STREAMLIT.finditer(line):
        split = match.start() + 1
        pieces += [_escape(line[position:split]), f":color[{_escape(line[split])}]"]
        position = split + 1
    return "".join([*pieces, _escape(line[position:])])


def escape_literal(text: str) -> str:
    """Escape a text of the gateway's; an empty directive keeps the renderer from making links of addresses in it."""
    return _ADDRESS.sub(lambda match: f":color[{match[0]}]", escape_markdown(text))


def _escape(text: str) -> str:
    return "".join(f"\\{char}" if char in _MARKDOWN_CHARACTERS else char for char in text)
