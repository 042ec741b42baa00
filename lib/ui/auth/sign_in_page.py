"""Sign-in, access-denied and unprotected-server pages, rendered in place of the requested page."""

from __future__ import annotations

import streamlit as st

from lib.config.auth import AccessMode, AccessSettings, Refusal
from lib.core.user import User
from lib.ui.auth.password import check_password, error_text
from lib.ui.browser import scripts
from lib.ui.session.state import session_state
from lib.ui.text import current_language, escape_markdown, t
from lib.ui.widgets.user_names import user_label

SIGN_IN = "signin"  # query parameter with which a reader of a public link asks for the sign-in page
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
    """Explain why a server with a key and no sign-in refuses all users, and the settings to choose from."""
    st.title(t("access_setup.title"), anchor=False)
    st.markdown(t("access_setup.why"))
    if is_community_cloud:
        _render_option("viewers", _VIEWERS_EXAMPLE, "toml")
    else:
        _render_option("bound", _LOOPBACK_EXAMPLE, "bash")
    _render_option("password", *((_SECRETS_EXAMPLE, "toml") if is_community_cloud else (_ENVIRONMENT_EXAMPLE, "bash")))
    _render_option("oidc", _OIDC_EXAMPLE, "toml")
    st.caption(t("access_setup.proxy"))


def _render_option(name: str, example: str, language: str) -> None:
    st.markdown(t(f"access_setup.{name}"))
    st.code(example, language=language)


def render_password_form(password: str) -> None:
    """Render the password form in a page, for a host without cookies: the session stays signed in."""
    error = error_text(current_language(), session_state.password_check)
    session_state.password_check = None
    st.title(t("sign_in.title"), anchor=False)
    with st.form("signin", border=False):
        st.text_input(t("sign_in.password"), type="password", key=_PASSWORD_KEY, autocomplete="current-password")
        if error:
            st.error(error)
        st.form_submit_button(t("sign_in.submit"), type="primary", on_click=_on_password_submit, args=(password,))
    st.caption(t("sign_in.shared_password"))
    st.caption(t("sign_in.no_cookie"))


def _on_password_submit(password: str) -> None:
    candidate = session_state.pop_widget(_PASSWORD_KEY, "")
    session_state.password_check = check_password(password, candidate, st.context.ip_address or "")
    session_state.is_password_verified = session_state.password_check.is_correct


def render_sign_in(access: AccessSettings, reason: Refusal | None = None) -> None:
    """Render a button for each OIDC provider, and the reason to sign in again."""
    scripts.render_return(is_signed_in=False, ignored=(SIGN_IN,))
    st.title(t("sign_in.title"), anchor=False)
    if reason:
        st.info(t(f"access_denied.{reason}"))
    for name in access.providers:
        unnamed = name == "default" or len(access.providers) == 1
        label = (
            t("sign_in.submit") if unnamed else t("sign_in.with_provider", provider=escape_markdown(name.capitalize()))
        )
        if st.button(label, key=f"signin-{name}", type="primary", icon=":material/login:"):
            st.login(None if name == "default" else name)
    st.caption(t("sign_in.provider_refused"))


def render_access_denied(user: User, reason: Refusal, mode: AccessMode) -> None:
    """Render the signed-in user and the reason for the refusal."""
    st.title(t("access_denied.title"), anchor=False)
    if user.id:
        render_identity(user)
    st.markdown(t(f"access_denied.{reason}"))
    if mode == "oidc" and st.button(t("account.sign_out"), key="signout", icon=":material/logout:"):
        st.logout()


def render_identity(user: User) -> None:
    """Render the name and the e-mail address of the signed-in user."""
    name = user_label(user.name, user.email)
    st.markdown(t("account.signed_in_as", name=escape_markdown(name)) if name else t("account.unnamed"))
