"""Who is asking; require() for pages."""

from __future__ import annotations

import logging
from dataclasses import replace
from html import escape
from typing import NoReturn

import streamlit as st

from lib.config import auth
from lib.config.auth import Access
from lib.core.errors import SettingError, StoreError
from lib.core.user import Person
from lib.ui.auth import browser_id, oidc, password, sign_in_page
from lib.ui.session import audit, hosting, replayed_input, resources
from lib.ui.text.i18n import t

BOX = "composer.box"
_TOLD = "access.told"
_MET = "access.met"
_LATE = "untold 0s linear 5s forwards"
_AGAIN = ("expired", "revoked", "undated", "early")  # what another sign-in mends
log = logging.getLogger(__name__)


def require() -> Person:
    """The person asking. Ends the run where the browser has yet to tell who that is, where somebody has to
    sign in first, or with one sentence on the page where Antler may not serve anybody.

    Every page calls this first: a file in pages/ can be reached without app.py. Raises StoreError where it
    cannot be found out whether a sign-in was revoked.
    """
    try:
        access = resources.settings().access
        if access.mode == "oidc":
            oidc.check()
    except SettingError as error:
        st.error(t("error.setting", sentence=str(error)), icon=":material/settings_alert:")
        st.stop()
    replayed_input.catch(BOX)
    if access.mode in ("oidc", "proxy"):
        person = _signed_in(access) if access.mode == "oidc" else _through_proxy(access)
        _meet(person)
    else:
        _let_in(access)
        # Whoever is at the machine itself, alone, has nobody above them.
        person = replace(_browser(), admin=access.mode == "local" and _alone())
    st.session_state["person"] = person
    return person


def still_admin() -> Person | None:
    """The person of this session where they are an admin at this moment; for callbacks, which run before
    require(). Raises StoreError where it cannot be found out whether a sign-in was revoked.
    """
    person = resources.person()
    if person is None or not person.admin:
        return None
    if resources.settings().access.mode == "oidc":
        claims = oidc.claims()
        if claims is None or oidc.refusal(claims) or auth.oidc_person(claims).id != person.id:
            return None
    return person


def place() -> browser_id.Place:
    """What keeps the person's way back to the history; call it after require()."""
    known: browser_id.Told | None = st.session_state.get(_TOLD)
    return known.place if known else "browser"


def _let_in(access: Access) -> None:
    """Go on where people are not told apart but by their browser, or show why not."""
    if access.mode == "password":
        cookie = st.context.cookies.get(password.COOKIE, "")
        if not sign_in_page.knows_word() and not password.holds(access.password, cookie):
            sign_in_page.paint_word(access.password)
            st.stop()
    elif access.mode == "local" and not resources.settings().demo and not _alone():
        sign_in_page.paint_exposed(cloud=hosting.community_cloud())
        st.stop()


def _alone() -> bool:
    """Whether only this machine can reach the server, and does."""
    return auth.from_here(st.get_option("server.address"), st.context.headers.get)


def _signed_in(access: Access) -> Person:
    claims = oidc.claims()
    if claims is None:
        sign_in_page.paint_sign_in(access)
        st.stop()
    person = auth.oidc_person(claims)
    why = oidc.refusal(claims)
    if why in _AGAIN:
        sign_in_page.paint_sign_in(access, why)
        st.stop()
    if why:
        sign_in_page.paint_refused(person, why, access.mode)
        st.stop()
    return resources.settings().roles.of(person, person.email if auth.verified(claims) else "")


def _through_proxy(access: Access) -> Person:
    known = auth.proxied(st.context.headers.get_all, access)
    if not isinstance(known, Person):
        sign_in_page.paint_refused(Person(""), known, access.mode)
        st.stop()
    return resources.settings().roles.of(known, known.name)


def _meet(person: Person) -> None:
    """Remember, once a session, who came. What a session holds of another person goes."""
    before = st.session_state.get(_MET)
    if before == person:
        return
    if before is not None and before.id != person.id:
        st.session_state.clear()
    try:
        resources.store().meet(person)
    except StoreError:
        log.warning("who came could not be remembered", exc_info=True)
    if before is None or before.id != person.id:
        audit.note(person, "sign_in", resources.settings().access.mode)
    st.session_state[_MET] = person


def _browser() -> Person:
    """Without a sign-in of their own, a person is a browser."""
    known: browser_id.Told | None = st.session_state.get(_TOLD)
    if known is None:
        _wait()
    return Person(known.id)


def _wait() -> NoReturn:
    """An empty page until the browser has told, and a sentence on it when that takes seconds."""
    browser_id.ask(_told)
    # Hidden by a style of its own: the sheet that brings it to light can come later than it does.
    st.html(f'<p style="visibility: hidden; animation: {_LATE}">{escape(t("access.silent"))}</p>')
    with st.sidebar:
        st.container(key="untold-sidebar", height=1, border=False)
    st.stop()


def _told() -> None:
    if told := browser_id.told():
        resources.hand_over(told.id)
        st.session_state[_TOLD] = told
