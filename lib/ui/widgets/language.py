"""Language of the document and of Streamlit's own texts, for which it has no options.

What a field says of a number out of range also says that the number is not used.
"""

from __future__ import annotations

import re

from lib.ui.browser.component import declare
from lib.ui.text import current_language, t, translate

_component = declare("language", __file__, "language")
_HTML_LANGUAGES = {"en": "en", "zh": "zh-CN"}
# Texts of Streamlit's own widgets, below "streamlit."; the English ones are what it shows.
_STREAMLIT_TEXTS = (
    "add_files",
    "add_option",
    "choose_date_range",
    "choose_option",
    "choose_or_add",
    "clear",
    "clear_dates",
    "close",
    "close_fullscreen",
    "collapse_sidebar",
    "connection_error",
    "copied",
    "copy",
    "date_range",
    "decrement",
    "drag_file",
    "expand_sidebar",
    "file_too_large",
    "file_type",
    "file_upload",
    "fullscreen",
    "heading_link",
    "help",
    "help_for",
    "hide_password",
    "home",
    "increment",
    "logo",
    "message_assistant",
    "message_user",
    "next_month",
    "next_page",
    "no_results",
    "open",
    "page_not_found",
    "page_unknown",
    "pages",
    "past_2_years",
    "past_3_months",
    "past_6_months",
    "past_month",
    "past_week",
    "past_year",
    "per_file",
    "press_to_apply",
    "press_to_submit",
    "previous_month",
    "previous_page",
    "quick_dates",
    "remove",
    "scroll_left",
    "scroll_right",
    "select",
    "send",
    "server_silent",
    "show_password",
    "skip",
    "start_recording",
    "stop_recording",
    "upload",
)
# Of a number that the field keeps in the browser: the last one that was in range stays in use.
_NUMBER_PROBLEMS = ("number_above", "number_below", "number_outside")


def render() -> None:
    """Render the script that sets `<html lang>` and translates Streamlit's texts; in every run."""
    language = current_language()
    patterns = [_build_pattern(f"streamlit.{name}") for name in _STREAMLIT_TEXTS if language != "en"]
    for name in _NUMBER_PROBLEMS:
        source, problem = _build_pattern(f"streamlit.{name}")
        patterns.append((source, t("params.number_not_used", problem=problem)))
    _component(key="language", data={"language": _HTML_LANGUAGES[language], "patterns": patterns})


def _build_pattern(key: str) -> tuple[str, str]:
    """Return a regular expression for a text of Streamlit's, and its replacement by the translation."""
    text = re.escape(translate("en", key, text="\x01", other="\x02"))
    return text.replace("\x01", "(.+)").replace("\x02", "(.+)"), t(key, text="$1", other="$2")
