"""What a page shows to whoever may not come in, in place of itself."""

from __future__ import annotations

from math import ceil

import streamlit as st

from lib.config.auth import AccessMode, AccessSettings, Refusal
from lib.core.user import User
from lib.ui.auth import password as session
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t

_PASSWORD_KEY = "sign_in.password"

_LOOPBACK_EXAMPLE = "streamlit run app.py --server.address=127.0.0.1"
_ENVIRONMENT_EXAMPLE = 'export ANTLER_ACCESS="password"\nexport ANTLER_PASSWORD="…"'
_SECRETS_EXAMPLE = '[access]\nmode = "password"\npassword = "…"'
_VIEWERS_EXAMPLE = '[access]\nmode = "viewers"'
_OIDC_EXAMPLE = """[access]
mode = "oidc"
allow = ["@example.org", "ann@example.com"]

[auth]
redirect_uri = "https://chat.example.org/oauth2callback"
cookie_secret = "…"
client_id = "…"
client_secret = "…"
server_metadata_url = "https://accounts.google.com/.well-known/openid-configuration\""""


def render_unprotected_server(*, is_community_cloud: bool) -> None:
    """Why a server with a key answers nobody yet, and the lines to choose from."""
    st.title(t("exposed.title"), anchor=False)
    st.markdown(t("exposed.why"))
    if is_community_cloud:
        _render_option("viewers", _VIEWERS_EXAMPLE, "toml")
    else:
        _render_option("bound", _LOOPBACK_EXAMPLE, "bash")
    _render_option(
        "password", *((_SECRETS_EXAMPLE, "toml") if is_community_cloud else (_ENVIRONMENT_EXAMPLE, "bash"))
    )
    _render_option("oidc", _OIDC_EXAMPLE, "toml")
    st.caption(t("exposed.proxy"))


def _render_option(name: str, example: str, language: str) -> None:
    st.markdown(t(f"exposed.{name}"))
    st.code(example, language=language)


def is_signed_in() -> bool:
    """Whether the password was typed in this session, where no cookie of ours can remember it."""
    return session_state.is_password_verified


def sign_out() -> None:
    """Sign this session out; a callback."""
    session_state.is_password_verified = False


def render_password_form(password: str) -> None:
    """The form for the password inside a page; it holds as long as the page does."""
    st.title(t("signin.title"), anchor=False)
    with st.form("signin", border=False):
        st.text_input(
            t("signin.password"), type="password", key=_PASSWORD_KEY, autocomplete="current-password"
        )
        if session_state.password_error:
            st.error(session_state.password_error)
            del session_state.password_error
        st.form_submit_button(t("signin.do"), type="primary", on_click=_on_password_submit, args=(password,))
    st.caption(t("signin.same"))
    st.caption(t("signin.session"))


def _on_password_submit(password: str) -> None:
    right, wait = session.check_password(
        password, session_state.pop_widget(_PASSWORD_KEY, ""), st.context.ip_address or ""
    )
    if right:
        session_state.is_password_verified = True
    else:
        session_state.password_error = (
            t("signin.wait", minutes=ceil(wait / 60)) if wait else t("signin.wrong")
        )


def render_sign_in(access: AccessSettings, reason: Refusal | None = None) -> None:
    """The way to the provider, or to one of several; `told` is why there is a need to go there again."""
    st.title(t("signin.title"), anchor=False)
    if reason:
        st.info(t(f"refused.{reason}"))
    for name in access.providers:
        unnamed = name == "default" or len(access.providers) == 1
        words = t("signin.do") if unnamed else t("signin.with", provider=escape_markdown(name.capitalize()))
        if st.button(words, key=f"signin-{name}", type="primary", icon=":material/login:"):
            st.login(None if name == "default" else name)
    st.caption(t("signin.back"))


def render_access_denied(user: User, reason: Refusal, mode: AccessMode) -> None:
    """Who somebody is signed in as, and why that is not enough."""
    st.title(t("refused.title"), anchor=False)
    if user.id:
        render_identity(user)
    st.markdown(t(f"refused.{reason}"))
    if mode == "oidc" and st.button(t("account.out"), key="signout", icon=":material/logout:"):
        st.logout()


def render_identity(user: User) -> None:
    known = [part for part in (user.name, user.email) if part]
    who = " · ".join(dict.fromkeys(known))
    st.markdown(t("account.who", who=escape_markdown(who)) if who else t("account.unnamed"))
