"""Gateway, models, language, history."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.config.parse import DEFAULT_BASE_URL
from lib.ui.admin import page
from lib.ui.auth import account, require
from lib.ui.chat import share
from lib.ui.session import conversation_view, hosting, resources
from lib.ui.session.state import session_state
from lib.ui.settings import data, models, own_key, storage_notice
from lib.ui.text import LANGUAGES, current_language, escape_markdown, t, translate
from lib.ui.widgets import errors, undo

_ENVIRONMENT_EXAMPLE = f"""export DEERAPI_API_KEY="sk-…"
export DEERAPI_BASE_URL="{DEFAULT_BASE_URL}"   # this is the default"""
_SECRETS_EXAMPLE = f"""[gateway]
api_key = "sk-…"
base_url = "{DEFAULT_BASE_URL}"   # this is the default"""

user = require()


def _render_gateway() -> None:
    st.subheader(t("settings.gateway"), anchor=False)
    if not resources.settings().is_demo:
        st.markdown(
            t("settings.connected", host=escape_markdown(urlsplit(resources.settings().base_url).netloc))
        )
        own_key.render_pseudonym(user)
        return
    st.markdown(t("settings.demo"))
    st.markdown(f"**{t('settings.connect')}**  \n{t('settings.connect_how')}")
    st.code(_ENVIRONMENT_EXAMPLE, language="bash")
    st.code(_SECRETS_EXAMPLE, language="toml")


def _on_language_change() -> None:
    session_state.language = session_state.widget("settings.language")


def _render_language() -> None:
    st.subheader(t("settings.language"), anchor=False)
    st.segmented_control(
        t("settings.language"),
        list(LANGUAGES),
        default=current_language(),
        key="settings.language",
        required=True,
        format_func=lambda name: translate(name, "language"),
        label_visibility="collapsed",
        on_change=_on_language_change,
    )


def _render_data() -> None:
    st.subheader(t("settings.data"), anchor=False)
    data.render(user)
    st.subheader(t("settings.shares"), anchor=False)
    share.render_share_links(user)


def _render_storage() -> None:
    st.subheader(t("settings.storage"), anchor=False)
    database = resources.settings().database
    words = "settings.storage_at" if database.kind == "sqlite" else "settings.storage_on"
    st.markdown(t(words, path=database.location.replace("`", "")))
    if hosting.is_ephemeral():
        storage_notice.render_storage_warning()


st.page_link(
    "pages/chat.py",
    label=t("nav.back"),
    icon=":material/arrow_back:",
    query_params=conversation_view.query_params(),
)
page.render_link(user)
errors.render_flash_warning()
undo.render()
st.title(t("settings.title"), anchor=False)
_render_gateway()
own_key.render()
account.render(user)
models.render(user)
_render_language()
_render_storage()
_render_data()
