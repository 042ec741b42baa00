"""Frame of all pages: style sheet, page paths, and the links between pages."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from lib.ui.server import streamlit_private
from lib.ui.session import conversation_view
from lib.ui.text import current_language, t, translate

CHAT_PAGE = "pages/chat.py"
SETTINGS_PAGE = "pages/settings.py"
USAGE_PAGE = "pages/usage.py"
ADMIN_PAGE = "pages/admin.py"
SHARED_PAGE, SHARED_PATH = "pages/shared.py", "shared"
PROMPTS_PAGE = "pages/prompts.py"
INSPECTOR_PAGE = "pages/inspector.py"
PROJECT_PAGE = "pages/project.py"
COMPARE_PAGE = "pages/compare.py"
COMPARISON_PARAMETER = "comparison"  # of the URL of that page
# In the order of the cascade, below lib/ui.
STYLE_SHEETS = (
    "widgets/page",
    "markdown/markdown",
    "chat/chat_page",
    "chat/messages",
    "chat/message_tools",
    "chat/shared_chat",
    "chat/answer_comparison",
    "composer/composer",
    "composer/dictation",
    "composer/web_search",
    "files/files",
    "composer/page_attachment",
    "widgets/model_list",
    "composer/prompt_menu",
    "history/sidebar",
    "prompts/prompts",
    "projects/projects",
    "compare/compare",
    "settings/models",
    "usage/usage",
    "inspector/inspector",
    "admin/admin",
    "gateway_check/gateway_check",
)
_CSS = "\n".join((Path(__file__).parents[1] / f"{name}.css").read_text(encoding="utf-8") for name in STYLE_SHEETS)


def list_pages() -> list[StreamlitPage]:
    """Return the pages of the app, of which a run needs its own: Streamlit notes in them which one may run."""
    return [copy(page) for page in _build_pages(current_language())]


@cache
def _build_pages(language: str) -> Sequence[StreamlitPage]:
    """Build the pages once for each language, since Streamlit looks for the file of each; in a script run."""
    titles = {
        CHAT_PAGE: "nav.chat",
        COMPARE_PAGE: "nav.compare",
        PROMPTS_PAGE: "nav.prompts",
        PROJECT_PAGE: "nav.project",
        SETTINGS_PAGE: "nav.settings",
        USAGE_PAGE: "nav.usage",
        INSPECTOR_PAGE: "nav.inspector",
        ADMIN_PAGE: "admin.title",
        SHARED_PAGE: "nav.shared",
    }
    return [st.Page(path, title=translate(language, key), default=path == CHAT_PAGE) for path, key in titles.items()]


def render_css() -> None:
    """Inject the CSS that theme options cannot express."""
    streamlit_private.render_style_sheet(_CSS)


def render_back_link(*, keeps_conversation: bool = True) -> None:
    """Render the link to the chat page, to the open conversation or to a new one."""
    st.page_link(
        CHAT_PAGE,
        label=t("nav.back"),
        icon=":material/arrow_back:",
        query_params=conversation_view.query_params() if keeps_conversation else None,
    )
