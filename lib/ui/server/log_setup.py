"""Has the log written as the settings say, and without their secrets, before anything can go into it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import streamlit as st

from lib.config import log_setup, redaction, settings
from lib.core.errors import SettingError


def configure_logging() -> None:
    """Call it first of all: what Streamlit says of a broken file of secrets can quote it."""
    table: dict[str, Any] = {}
    broken: frozenset[str] = frozenset()
    for path in map(Path, st.get_option("secrets.files")):
        try:
            table |= settings.read_secrets(path)
        except SettingError:
            broken |= redaction.find_values_in_malformed(_read_text(path))
    try:
        form = settings.load_settings(os.environ, table).server.log_format
    except SettingError:
        form = "json" if os.environ.get("ANTLER_LOG") == "json" else "text"
    log_setup.configure_logging(redaction.find_secrets(os.environ, table) | broken, as_json=form == "json")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
