"""Entry point: the ASGI app, and the script that renders the sidebar and the requested page."""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware

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
from lib.ui.settings import storage
from lib.ui.text import t
from lib.ui.widgets import errors, language, navigation


def run() -> None:
    st.set_page_config(page_title="Antler", page_icon=resources.LOGO, layout="centered")
    navigation.render_css()
    language.render()
    navigation.render_page_events()
    st.logo(resources.LOGO, size="large")
    page = st.navigation(
        [
            st.Page(navigation.CHAT_PAGE, title=t("nav.chat"), default=True),
            st.Page(navigation.SETTINGS_PAGE, title=t("nav.settings")),
            st.Page(navigation.USAGE_PAGE, title=t("nav.usage")),
            st.Page(navigation.ADMIN_PAGE, title=t("admin.title")),
            st.Page(navigation.SHARED_PAGE, title=t("nav.shared")),
        ],
        position="hidden",
    )
    is_chat_page = page.url_path == ""
    sidebar.render(require(), is_chat_page=is_chat_page)
    with st.sidebar:
        storage.render_persistence_notice()
    if is_chat_page:
        storage.render_notice()
    page.run()


if __name__ == "__main__":
    run()
else:
    log_setup.configure_logging()
    streamlit_private.disable_pages_directory()
    # `streamlit run app.py` finds this name, serves it, and runs this file as its script.
    app = st.App(
        __file__,
        routes=health.routes(),
        lifespan=shutdown.lifespan,
        middleware=[
            Middleware(csp_middleware.SecurityHeadersMiddleware),
            Middleware(shutdown.DrainMiddleware),
            Middleware(auth_middleware.AuthMiddleware),
        ],
        on_script_error=errors.on_script_error,
    )
