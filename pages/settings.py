"""Gateway, models, language, history."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.config.parse import DEFAULT_BASE_URL
from lib.ui.admin import page
from lib.ui.auth import account, require
from lib.ui.chat import share
from lib.ui.session import conversation_view, hosting, resources
from lib.ui.settings import data, models, own_key, storage_notice
from lib.ui.text.i18n import LANGUAGES, language, literal, t
from lib.ui.widgets import errors, undo

_ENVIRONMENT = f"""export DEERAPI_API_KEY="sk-…"
export DEERAPI_BASE_URL="{DEFAULT_BASE_URL}"   # this is the default"""
_SECRETS = f"""[gateway]
api_key = "sk-…"
base_url = "{DEFAULT_BASE_URL}"   # this is the default"""

person = require.require()


def _gateway() -> None:
    st.subheader(t("settings.gateway"), anchor=False)
    if not resources.settings().demo:
        st.markdown(t("settings.connected", host=literal(urlsplit(resources.settings().base_url).netloc)))
        own_key.paint_name(person)
        return
    st.markdown(t("settings.demo"))
    st.markdown(f"**{t('settings.connect')}**  \n{t('settings.connect_how')}")
    st.code(_ENVIRONMENT, language="bash")
    st.code(_SECRETS, language="toml")


def _language() -> None:
    st.subheader(t("settings.language"), anchor=False)
    st.segmented_control(
        t("settings.language"),
        list(LANGUAGES),
        default=language(),
        key="settings.language",
        required=True,
        format_func=lambda name: LANGUAGES[name]["language"],
        label_visibility="collapsed",
        on_change=lambda: st.session_state.update(language=st.session_state["settings.language"]),
    )


def _data() -> None:
    st.subheader(t("settings.data"), anchor=False)
    data.paint(person)
    st.subheader(t("settings.shares"), anchor=False)
    share.paint_shared(person)


def _history() -> None:
    st.subheader(t("settings.storage"), anchor=False)
    database = resources.settings().database
    words = "settings.storage_at" if database.kind == "sqlite" else "settings.storage_on"
    st.markdown(t(words, path=database.place.replace("`", "")))
    if hosting.forgetful():
        storage_notice.paint_remedies()


st.page_link(
    "pages/chat.py", label=t("nav.back"), icon=":material/arrow_back:", query_params=conversation_view.here()
)
page.link(person)
errors.paint_refusal()
undo.paint()
st.title(t("settings.title"), anchor=False)
_gateway()
own_key.paint()
account.paint(person)
models.paint(person)
_language()
_history()
_data()
