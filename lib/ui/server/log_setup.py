"""Has the log written as the settings say, and without their secrets, before anything can go into it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import streamlit as st

from lib.config import log_setup, redaction, settings
from lib.core.errors import SettingError


def begin() -> None:
    """Call it first of all: what Streamlit says of a broken file of secrets can quote it."""
    table: dict[str, Any] = {}
    broken: frozenset[str] = frozenset()
    for path in map(Path, st.get_option("secrets.files")):
        try:
            table |= settings.read_secrets(path)
        except SettingError:
            broken |= redaction.in_broken(_text(path))
    try:
        form = settings.load(os.environ, table).serving.log
    except SettingError:
        form = "json" if os.environ.get("ANTLER_LOG") == "json" else "text"
    log_setup.install(redaction.found(os.environ, table) | broken, as_json=form == "json")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
