"""Starts every run: settings, language, who is asking, which page."""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from lib.ui import access, admin, gate, headers, health, log, look, notice, problem, sidebar, state, stopping
from lib.ui.text import t


def run() -> None:
    st.set_page_config(page_title="Antler", page_icon=state.LOGO, layout="centered")
    look.paint()
    st.logo(state.LOGO, size="large")
    page = st.navigation(
        [
            st.Page(sidebar.CHAT, title=t("nav.chat"), default=True),
            st.Page(sidebar.SETTINGS, title=t("nav.settings")),
            st.Page(sidebar.USAGE, title=t("nav.usage")),
            st.Page(admin.PAGE, title=t("admin.title")),
            st.Page("pages/shared.py", title=t("nav.shared")),
        ],
        position="hidden",
    )
    chat = page.url_path == ""
    sidebar.paint(access.require(), chat=chat)
    with st.sidebar:
        notice.paint_place()
    if chat:
        notice.paint_once()
    page.run()


if __name__ == "__main__":
    run()
else:
    log.begin()
    # Until the first st.navigation, Streamlit would run a file in pages/ without this one: whoever is
    # connected again after a restart would have lost the sidebar.
    PagesManager.uses_pages_directory = False
    # `streamlit run app.py` finds this name, serves it, and runs this file as its script.
    app = st.App(
        __file__,
        routes=health.ROUTES,
        lifespan=stopping.lifespan,
        middleware=[
            Middleware(headers.ContentSecurity),
            Middleware(stopping.TurnAway),
            Middleware(gate.Gate),
        ],
        on_script_error=problem.on_script_error,
    )
