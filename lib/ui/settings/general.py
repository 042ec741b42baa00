"""General and gateway sections of the settings: language, theme, notifications, connection."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.config.parse import DEFAULT_BASE_URL
from lib.core.user import User
from lib.ui.browser import scripts
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
_THEMES = ("light", "dark", "system")
_NOTIFICATION_TEXTS = ("label", "about", "denied", "dismissed", "unsupported", "not_stored")
_notification_setting = scripts.load("notification_setting")
_theme_setting = scripts.load("theme_setting")


def render_gateway(user: User) -> None:
    """Render the gateway's host, or in the demo how to connect one."""
    settings = resources.settings()
    if not settings.is_demo:
        st.markdown(t("settings.connected", host=escape_markdown(urlsplit(settings.base_url).netloc)))
        own_key.render_pseudonym(user)
        return
    st.markdown(t("settings.demo"))
    st.markdown(f"**{t('settings.connect')}**  \n{t('settings.connect_how')}")
    st.code(_ENVIRONMENT_EXAMPLE, language="bash")
    st.code(_SECRETS_EXAMPLE, language="toml")


def render() -> None:
    """Render the language of the screen, and what the browser stores: theme and notifications."""
    st.header(t("settings.language"), anchor=False)
    render_choice(
        t("settings.language"),
        _LANGUAGE_KEY,
        LANGUAGES,
        lambda language: translate(language, "language"),
        default=current_language(),
        on_change=_on_language_change,
    )
    st.header(t("settings.theme"), anchor=False)
    options = [{"name": name, "label": t(f"settings.theme_{name}")} for name in _THEMES]
    _theme_setting(key="theme-setting", data={"label": t("settings.theme"), "options": options})
    _render_notifications()


def _on_language_change() -> None:
    session_state.language = session_state.widget(_LANGUAGE_KEY)


def _render_notifications() -> None:
    """Render the switch for notifications of answers; the browser stores it."""
    st.header(t("notifications.title"), anchor=False)
    texts = {name: t(f"notifications.{name}") for name in _NOTIFICATION_TEXTS}
    _notification_setting(key="notification-setting", data={"texts": texts})
