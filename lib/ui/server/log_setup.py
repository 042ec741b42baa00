"""Configuration of the log from the settings, with secrets redacted, before the first record."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import streamlit as st

from lib.config import log_setup, redaction, settings
from lib.core.errors import SettingError

log = logging.getLogger(__name__)


def configure_logging() -> None:
    """Configure the log; the first call of the process, because Streamlit quotes an invalid secrets file."""
    table: dict[str, Any] = {}
    malformed: frozenset[str] = frozenset()
    for path in map(Path, st.get_option("secrets.files")):
        try:
            table |= settings.read_secrets(path)
        except SettingError:
            malformed |= redaction.find_values_in_malformed(_read_text(path))
    problem: SettingError | None = None
    try:
        log_format = settings.load_settings(os.environ, table).server.log_format
    except SettingError as error:
        problem, log_format = error, "json" if os.environ.get("ANTLER_LOG") == "json" else "text"
    log_setup.configure_logging(redaction.find_secrets(os.environ, table) | malformed, as_json=log_format == "json")
    if problem:
        log.error("the app cannot start: %s", problem)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
