"""Entry point: the ASGI app, and the script that renders the sidebar and the requested page."""

from __future__ import annotations

import gc

if __name__ != "__main__":
    # Modules stay: to look for garbage among their objects takes a sixth of the time in which they are loaded.
    gc.disable()

import streamlit as st
from starlette.middleware import Middleware

from lib.ui import inspector
from lib.ui.auth import require, require_reader
from lib.ui.browser import scripts
from lib.ui.chat import answer_status
from lib.ui.history import sidebar
from lib.ui.server import (
    auth_middleware,
    component_scripts,
    csp_middleware,
    health,
    lifespan,
    log_setup,
    page_head_middleware,
    shutdown,
    speech,
    static_files,
    streamlit_private,
    streamlit_runs,
)
from lib.ui.server.script_loop import ScriptLoop
from lib.ui.session import resources
from lib.ui.session.run_queue import run_queue
from lib.ui.session.state import session_state
from lib.ui.settings import storage
from lib.ui.text import set_run_language
from lib.ui.widgets import errors, language, navigation


def run() -> None:
    set_run_language()
    st.set_page_config(page_title="Antler", page_icon=resources.LOGO, layout="centered")
    navigation.render_css()
    language.render()
    st.logo(resources.LOGO, size="large")
    page = st.navigation(navigation.list_pages(), position="hidden")
    session_state.is_chat_page = is_chat_page = page.url_path == ""
    if not is_chat_page:
        answer_status.render_title(f"{page.title} · Antler")
    scripts.render(page.url_path)
    user = require_reader() if page.url_path == navigation.SHARED_PATH else require()
    if user is None:
        # A reader of a public link has no account, and so no sidebar.
        page.run()
        return
    if resources.settings().access.mode == "oidc":
        scripts.render_return(is_signed_in=True)
    scripts.keep_typed_texts(user)
    sidebar.render_head()
    if is_chat_page:
        storage.render_notice()
    try:
        page.run()
    except Exception:
        sidebar.render(user, is_chat_page=is_chat_page)
        raise
    if not is_chat_page:
        inspector.render(user)
    sidebar.render(user, is_chat_page=is_chat_page)


if __name__ == "__main__":
    with run_queue.turn():
        run()
else:
    gc.enable()
    log_setup.configure_logging()
    streamlit_private.disable_pages_directory()
    streamlit_runs.reduce_costs()
    component_scripts.link_scripts()
    streamlit_private.use_script_loops(ScriptLoop)
    # `streamlit run app.py` finds this name, serves it, and runs this file as its script.
    app = st.App(
        __file__,
        routes=[*health.routes(), *speech.routes()],
        lifespan=lifespan.lifespan,
        middleware=[
            Middleware(csp_middleware.SecurityHeadersMiddleware),
            Middleware(component_scripts.ComponentScriptsMiddleware),
            Middleware(shutdown.DrainMiddleware),
            Middleware(page_head_middleware.PageHeadMiddleware),
            Middleware(auth_middleware.AuthMiddleware),
            Middleware(static_files.StaticFilesMiddleware),
        ],
        on_script_error=errors.on_script_error,
    )
