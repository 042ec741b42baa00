"""Who the person is signed in as, and the ways out."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import Person
from lib.ui.auth import oidc, sign_in_html, sign_in_page
from lib.ui.session import audit, resources
from lib.ui.text.i18n import t
from lib.ui.widgets import errors


def paint(person: Person) -> None:
    """The section of the settings; nothing where nobody signs in."""
    mode = resources.settings().access.mode
    if mode in ("local", "viewers"):
        return
    st.subheader(t("account.title"), anchor=False)
    if mode == "password":
        st.markdown(t("signin.same"))
        _forget(person)
        return
    sign_in_page.paint_who(person)
    if mode == "proxy":
        st.caption(t("account.proxy"))
        return
    with st.container(horizontal=True):
        if st.button(t("account.out"), key="signout", icon=":material/logout:"):
            audit.note(person, "sign_out")
            st.logout()
        if st.button(t("account.everywhere"), key="signout-everywhere", icon=":material/devices_off:"):
            _everywhere(person)
    st.caption(t("account.everywhere_about"))


def _forget(person: Person) -> None:
    if sign_in_page.knows_word():
        args = (person,)
        st.button(t("account.out"), key="signout", icon=":material/logout:", on_click=_forget_word, args=args)
    else:
        # A link, not a button: only an answer over HTTP can take the cookie back.
        look = 'style="color: inherit" target="_self"'
        st.html(f'<a href="{sign_in_html.home()}signout" {look}>{t("account.out")}</a>')


def _forget_word(person: Person) -> None:
    audit.note(person, "sign_out")
    sign_in_page.forget_word()


def _everywhere(person: Person) -> None:
    claims = oidc.claims()
    try:
        if claims:
            oidc.sign_out_everywhere(person.id, claims)
    except StoreError as error:
        st.warning(errors.sentence(error.code))
    else:
        audit.note(person, "sign_out_everywhere")
        st.logout()
