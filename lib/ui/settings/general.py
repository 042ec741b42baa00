"""Gateway and language sections of the settings."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.config.parse import DEFAULT_BASE_URL
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.settings import own_key
from lib.ui.text import LANGUAGES, current_language, escape_markdown, t, translate
from lib.ui.widgets.controls import render_choice

_ENVIRONMENT_EXAMPLE = f"""export DEERAPI_API_KEY="sk-…"
export DEERAPI_BASE_URL="{DEFAULT_BASE_URL}"   # this is the default"""
_SECRETS_EXAMPLE = f"""[gateway]
api_key = "sk-…"
base_url = "{DEFAULT_BASE_URL}"   # this is the default"""
_LANGUAGE_KEY = "settings.language"


def render_gateway(user: User) -> None:
    """Render the gateway's host, or in the demo how to connect one."""
    st.subheader(t("settings.gateway"), anchor=False)
    settings = resources.settings()
    if not settings.is_demo:
        st.markdown(t("settings.connected", host=escape_markdown(urlsplit(settings.base_url).netloc)))
        own_key.render_pseudonym(user)
        return
    st.markdown(t("settings.demo"))
    st.markdown(f"**{t('settings.connect')}**  \n{t('settings.connect_how')}")
    st.code(_ENVIRONMENT_EXAMPLE, language="bash")
    st.code(_SECRETS_EXAMPLE, language="toml")


def render_language() -> None:
    """Render the language of the screen."""
    st.subheader(t("settings.language"), anchor=False)
    render_choice(
        t("settings.language"),
        _LANGUAGE_KEY,
        LANGUAGES,
        lambda language: translate(language, "language"),
        default=current_language(),
        on_change=_on_language_change,
    )


def _on_language_change() -> None:
    session_state.language = session_state.widget(_LANGUAGE_KEY)
