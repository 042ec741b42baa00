"""Account section of the settings: the signed-in user, and sign-out."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from lib.core.audit import AuditAction
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.auth.oidc import Claims, read_claims, sign_out, sign_out_everywhere
from lib.ui.auth.sign_in_html import base_path
from lib.ui.auth.sign_in_page import render_identity
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors
from lib.ui.widgets.controls import render_button

_STYLE = (
    'style="padding: 0.25rem 0.75rem; min-height: 2.5rem; border-radius: 0.75rem; border: 1px solid currentColor;'
    ' background: transparent; color: inherit; font: inherit; cursor: pointer"'
)


def is_available() -> bool:
    """Tell if users sign in, in the current access mode."""
    return resources.settings().access.mode not in ("local", "viewers")


def render(user: User) -> None:
    """Render the section, in an access mode with sign-in."""
    mode = resources.settings().access.mode
    if mode == "password":
        st.markdown(t("sign_in.shared_password"))
        _render_password_sign_out(user)
        return
    render_identity(user)
    if mode == "proxy":
        st.caption(t("account.proxy"))
        return
    with st.container(horizontal=True):
        if st.button(t("account.sign_out"), key="signout", icon=":material/logout:"):
            _sign_out(user, sign_out, "sign_out")
        if st.button(t("account.sign_out_everywhere"), key="signout-everywhere", icon=":material/devices_off:"):
            _sign_out(user, lambda claims: sign_out_everywhere(user.id, claims), "sign_out_everywhere")
    st.caption(t("account.sign_out_everywhere_about"))


def _render_password_sign_out(user: User) -> None:
    if session_state.is_password_verified:
        render_button(t("account.sign_out"), "signout", "logout", _on_password_sign_out, user, type="secondary")
    else:
        # A form, not a button of Streamlit's: only an HTTP response can delete the cookie.
        label = escape(t("account.sign_out"))
        st.html(f'<form method="post" action="{escape(base_path())}signout"><button {_STYLE}>{label}</button></form>')


def _on_password_sign_out(user: User) -> None:
    audit.record(user, "sign_out")
    del session_state.is_password_verified


def _sign_out(user: User, revoke: Callable[[Claims], None], action: AuditAction) -> None:
    """Revoke on the server first: the middleware deletes the cookie of a revoked sign-in only."""
    claims = read_claims(st.context.cookies)
    try:
        if claims:
            revoke(claims)
    except StoreError as error:
        st.warning(errors.code_message(error.code))
    else:
        audit.record(user, action)
        st.logout()
