"""Who is asking; require() for pages."""

from __future__ import annotations

import logging
from dataclasses import replace
from html import escape
from typing import NoReturn

import streamlit as st

from lib.config import auth
from lib.config.auth import AccessSettings
from lib.core.errors import SettingError, StoreError
from lib.core.user import User
from lib.ui.auth import browser_id, oidc, password, sign_in_page
from lib.ui.session import audit, hosting, replayed_input, resources
from lib.ui.session.state import session_state
from lib.ui.session.values import Persistence
from lib.ui.text.i18n import t

COMPOSER_INPUT_KEY = "composer.box"
_REVEAL_ANIMATION = "untold 0s linear 5s forwards"
_SIGN_IN_AGAIN_REASONS = ("expired", "revoked", "undated", "early")  # what another sign-in mends
log = logging.getLogger(__name__)


def require() -> User:
    """The person asking. Ends the run where the browser has yet to tell who that is, where somebody has to
    sign in first, or with one sentence on the page where Antler may not serve anybody.

    Every page calls this first: a file in pages/ can be reached without app.py. Raises StoreError where it
    cannot be found out whether a sign-in was revoked.
    """
    try:
        access = resources.settings().access
        if access.mode == "oidc":
            oidc.check_trusted_headers()
    except SettingError as error:
        st.error(t("error.setting", sentence=str(error)), icon=":material/settings_alert:")
        st.stop()
    replayed_input.recover_message(COMPOSER_INPUT_KEY)
    if access.mode in ("oidc", "proxy"):
        person = _oidc_user(access) if access.mode == "oidc" else _proxy_user(access)
        _record_user(person)
    else:
        _check_anonymous_access(access)
        # Whoever is at the machine itself, alone, has nobody above them.
        person = replace(_browser_user(), is_admin=access.mode == "local" and _is_loopback_only())
    session_state.user = person
    return person


def current_admin() -> User | None:
    """The person of this session where they are an admin at this moment; for callbacks, which run before
    require(). Raises StoreError where it cannot be found out whether a sign-in was revoked.
    """
    person = resources.user()
    if person is None or not person.is_admin:
        return None
    if resources.settings().access.mode == "oidc":
        claims = oidc.current_claims()
        if claims is None or oidc.refusal_reason(claims) or auth.user_from_claims(claims).id != person.id:
            return None
    return person


def identity_persistence() -> Persistence:
    """What keeps the person's way back to the history; call it after require()."""
    known = session_state.browser_identity
    return known.persistence if known else "browser"


def _check_anonymous_access(access: AccessSettings) -> None:
    """Go on where people are not told apart but by their browser, or show why not."""
    if access.mode == "password":
        cookie = st.context.cookies.get(password.COOKIE_NAME, "")
        if not sign_in_page.is_signed_in() and not password.is_valid_cookie(access.password, cookie):
            sign_in_page.render_password_form(access.password)
            st.stop()
    elif access.mode == "local" and not resources.settings().is_demo and not _is_loopback_only():
        sign_in_page.render_unprotected_server(is_community_cloud=hosting.is_community_cloud())
        st.stop()


def _is_loopback_only() -> bool:
    """Whether only this machine can reach the server, and does."""
    return auth.is_local_request(st.get_option("server.address"), st.context.headers.get)


def _oidc_user(access: AccessSettings) -> User:
    claims = oidc.current_claims()
    if claims is None:
        sign_in_page.render_sign_in(access)
        st.stop()
    person = auth.user_from_claims(claims)
    why = oidc.refusal_reason(claims)
    if why in _SIGN_IN_AGAIN_REASONS:
        sign_in_page.render_sign_in(access, why)
        st.stop()
    if why:
        sign_in_page.render_access_denied(person, why, access.mode)
        st.stop()
    return resources.settings().roles.apply_to(person, person.email if auth.is_email_verified(claims) else "")


def _proxy_user(access: AccessSettings) -> User:
    known = auth.user_from_proxy(st.context.headers.get_all, access)
    if not isinstance(known, User):
        sign_in_page.render_access_denied(User(""), known, access.mode)
        st.stop()
    return resources.settings().roles.apply_to(known, known.name)


def _record_user(user: User) -> None:
    """Remember, once a session, who came. What a session holds of another person goes."""
    before = session_state.recorded_user
    if before == user:
        return
    if before is not None and before.id != user.id:
        session_state.clear()
    try:
        resources.store().users.upsert(user)
    except StoreError:
        log.warning("who came could not be remembered", exc_info=True)
    if before is None or before.id != user.id:
        audit.record(user, "sign_in", resources.settings().access.mode)
    session_state.recorded_user = user


def _browser_user() -> User:
    """Without a sign-in of their own, a person is a browser."""
    known = session_state.browser_identity
    if known is None:
        _wait_for_browser()
    return User(known.id)


def _wait_for_browser() -> NoReturn:
    """An empty page until the browser has told, and a sentence on it when that takes seconds."""
    browser_id.request_identity(_on_identity)
    # Hidden by a style of its own: the sheet that brings it to light can come later than it does.
    st.html(f'<p style="visibility: hidden; animation: {_REVEAL_ANIMATION}">{escape(t("access.silent"))}</p>')
    with st.sidebar:
        st.container(key="untold-sidebar", height=1, border=False)
    st.stop()


def _on_identity() -> None:
    if told := browser_id.received_identity():
        resources.claim_legacy_rows(told.id)
        session_state.browser_identity = told
