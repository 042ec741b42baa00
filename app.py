"""Starts every run: settings, language, who is asking, which page."""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware

from lib.ui.admin import page as admin
from lib.ui.auth import require
from lib.ui.history import sidebar
from lib.ui.server import (
    auth_middleware,
    csp_middleware,
    health,
    log_setup,
    shutdown,
    streamlit_private,
)
from lib.ui.session import resources
from lib.ui.settings import storage_notice
from lib.ui.text.i18n import t
from lib.ui.widgets import errors, theme


def run() -> None:
    st.set_page_config(page_title="Antler", page_icon=resources.LOGO, layout="centered")
    theme.render()
    st.logo(resources.LOGO, size="large")
    page = st.navigation(
        [
            st.Page(sidebar.CHAT_PAGE, title=t("nav.chat"), default=True),
            st.Page(sidebar.SETTINGS_PAGE, title=t("nav.settings")),
            st.Page(sidebar.USAGE_PAGE, title=t("nav.usage")),
            st.Page(admin.PAGE_PATH, title=t("admin.title")),
            st.Page("pages/shared.py", title=t("nav.shared")),
        ],
        position="hidden",
    )
    chat = page.url_path == ""
    sidebar.render(require(), is_chat_page=chat)
    with st.sidebar:
        storage_notice.render_persistence_notice()
    if chat:
        storage_notice.render_once()
    page.run()


if __name__ == "__main__":
    run()
else:
    log_setup.configure_logging()
    streamlit_private.disable_pages_directory()
    # `streamlit run app.py` finds this name, serves it, and runs this file as its script.
    app = st.App(
        __file__,
        routes=health.ROUTES,
        lifespan=shutdown.lifespan,
        middleware=[
            Middleware(csp_middleware.SecurityHeadersMiddleware),
            Middleware(shutdown.DrainMiddleware),
            Middleware(auth_middleware.AuthMiddleware),
        ],
        on_script_error=errors.on_script_error,
    )
