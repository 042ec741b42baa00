"""Who is asking; require() for pages."""

from __future__ import annotations

import logging
from dataclasses import replace
from html import escape
from typing import NoReturn

import streamlit as st

from lib.core import admission
from lib.core.admission import Access
from lib.core.errors import SettingError, StoreError
from lib.core.types import Person
from lib.ui import acts, browser, entrance, hosting, late, oidc, session, state
from lib.ui.text import t

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
        access = state.settings().access
        if access.mode == "oidc":
            oidc.check()
    except SettingError as error:
        st.error(t("error.setting", sentence=str(error)), icon=":material/settings_alert:")
        st.stop()
    late.catch(BOX)
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
    person = state.person()
    if person is None or not person.admin:
        return None
    if state.settings().access.mode == "oidc":
        claims = oidc.claims()
        if claims is None or oidc.refusal(claims) or admission.oidc_person(claims).id != person.id:
            return None
    return person


def place() -> browser.Place:
    """What keeps the person's way back to the history; call it after require()."""
    known: browser.Told | None = st.session_state.get(_TOLD)
    return known.place if known else "browser"


def _let_in(access: Access) -> None:
    """Go on where people are not told apart but by their browser, or show why not."""
    if access.mode == "password":
        cookie = st.context.cookies.get(session.COOKIE, "")
        if not entrance.knows_word() and not session.holds(access.password, cookie):
            entrance.paint_word(access.password)
            st.stop()
    elif access.mode == "local" and not state.settings().demo and not _alone():
        entrance.paint_exposed(cloud=hosting.community_cloud())
        st.stop()


def _alone() -> bool:
    """Whether only this machine can reach the server, and does."""
    return admission.from_here(st.get_option("server.address"), st.context.headers.get)


def _signed_in(access: Access) -> Person:
    claims = oidc.claims()
    if claims is None:
        entrance.paint_sign_in(access)
        st.stop()
    person = admission.oidc_person(claims)
    why = oidc.refusal(claims)
    if why in _AGAIN:
        entrance.paint_sign_in(access, why)
        st.stop()
    if why:
        entrance.paint_refused(person, why, access.mode)
        st.stop()
    return state.settings().roles.of(person, person.email if admission.verified(claims) else "")


def _through_proxy(access: Access) -> Person:
    known = admission.proxied(st.context.headers.get_all, access)
    if not isinstance(known, Person):
        entrance.paint_refused(Person(""), known, access.mode)
        st.stop()
    return state.settings().roles.of(known, known.name)


def _meet(person: Person) -> None:
    """Remember, once a session, who came. What a session holds of another person goes."""
    before = st.session_state.get(_MET)
    if before == person:
        return
    if before is not None and before.id != person.id:
        st.session_state.clear()
    try:
        state.store().meet(person)
    except StoreError:
        log.warning("who came could not be remembered", exc_info=True)
    if before is None or before.id != person.id:
        acts.note(person, "sign_in", state.settings().access.mode)
    st.session_state[_MET] = person


def _browser() -> Person:
    """Without a sign-in of their own, a person is a browser."""
    known: browser.Told | None = st.session_state.get(_TOLD)
    if known is None:
        _wait()
    return Person(known.id)


def _wait() -> NoReturn:
    """An empty page until the browser has told, and a sentence on it when that takes seconds."""
    browser.ask(_told)
    # Hidden by a style of its own: the sheet that brings it to light can come later than it does.
    st.html(f'<p style="visibility: hidden; animation: {_LATE}">{escape(t("access.silent"))}</p>')
    with st.sidebar:
        st.container(key="untold-sidebar", height=1, border=False)
    st.stop()


def _told() -> None:
    if told := browser.told():
        state.hand_over(told.id)
        st.session_state[_TOLD] = told
