"""Texts on the screen: translation, dates, limits."""

from __future__ import annotations

from lib.ui.text.i18n import (
    LANGUAGES,
    current_language,
    escape_literal,
    escape_markdown,
    has_message,
    set_run_language,
    t,
    translate,
)

__all__ = [
    "LANGUAGES",
    "current_language",
    "escape_literal",
    "escape_markdown",
    "has_message",
    "set_run_language",
    "t",
    "translate",
]
