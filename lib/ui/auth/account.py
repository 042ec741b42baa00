"""Who the person is signed in as, and the ways out."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.auth import oidc, sign_in_html, sign_in_page
from lib.ui.session import audit, resources
from lib.ui.text.i18n import t
from lib.ui.widgets import errors


def render(user: User) -> None:
    """The section of the settings; nothing where nobody signs in."""
    mode = resources.settings().access.mode
    if mode in ("local", "viewers"):
        return
    st.subheader(t("account.title"), anchor=False)
    if mode == "password":
        st.markdown(t("signin.same"))
        _render_password_sign_out(user)
        return
    sign_in_page.render_identity(user)
    if mode == "proxy":
        st.caption(t("account.proxy"))
        return
    with st.container(horizontal=True):
        if st.button(t("account.out"), key="signout", icon=":material/logout:"):
            audit.record(user, "sign_out")
            st.logout()
        if st.button(t("account.everywhere"), key="signout-everywhere", icon=":material/devices_off:"):
            _sign_out_everywhere(user)
    st.caption(t("account.everywhere_about"))


def _render_password_sign_out(user: User) -> None:
    if sign_in_page.is_signed_in():
        args = (user,)
        st.button(
            t("account.out"),
            key="signout",
            icon=":material/logout:",
            on_click=_on_password_sign_out,
            args=args,
        )
    else:
        # A link, not a button: only an answer over HTTP can take the cookie back.
        look = 'style="color: inherit" target="_self"'
        st.html(f'<a href="{sign_in_html.base_path()}signout" {look}>{t("account.out")}</a>')


def _on_password_sign_out(user: User) -> None:
    audit.record(user, "sign_out")
    sign_in_page.sign_out()


def _sign_out_everywhere(user: User) -> None:
    claims = oidc.current_claims()
    try:
        if claims:
            oidc.sign_out_everywhere(user.id, claims)
    except StoreError as error:
        st.warning(errors.code_message(error.code))
    else:
        audit.record(user, "sign_out_everywhere")
        st.logout()
