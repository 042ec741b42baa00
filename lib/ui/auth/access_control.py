"""Access control of pages: the user of a run, or a sign-in page and the end of the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from html import escape
from typing import Concatenate, NoReturn, ParamSpec

import streamlit as st
from starlette.datastructures import Headers

from lib.config import auth
from lib.config.auth import AccessSettings, Refusal
from lib.core.errors import SettingError, StoreError
from lib.core.user import User
from lib.ui.auth.browser_id import received_identity, request_identity
from lib.ui.auth.identify import ANONYMOUS, identify
from lib.ui.auth.oidc import check_trusted_headers, read_claims
from lib.ui.auth.sign_in_page import (
    SIGN_IN,
    render_access_denied,
    render_password_form,
    render_sign_in,
    render_unprotected_server,
)
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.session.values import Persistence
from lib.ui.text import t
from lib.ui.widgets.errors import flash_warning, shows_errors

_REVEAL_ANIMATION = "reveal 0s linear 5s forwards"
# Refusals that another sign-in can lift.
_SIGN_IN_AGAIN_REASONS = ("signed_out", "expired", "revoked", "no_sign_in_time", "future_sign_in_time")
P = ParamSpec("P")
log = logging.getLogger(__name__)


def require() -> User:
    """Return the user of this run, or end the run with a sign-in page or the reason for a refusal.

    The first call of every page, because a file in pages/ can run without app.py. Raises StoreError when
    revoked sign-ins cannot be read.
    """
    try:
        access = resources.settings().access
        if access.mode == "oidc":
            check_trusted_headers()
    except SettingError as error:
        st.error(t("error.setting", detail=str(error)), icon=":material/settings_alert:")
        st.stop()
    user = _identify_session(access)
    if not isinstance(user, User):
        _render_refusal(user, access)
        st.stop()
    if user.id:
        _record_user(user)
    else:
        user = replace(_browser_user(), is_admin=user.is_admin)
    session_state.user = user
    return user


def require_reader() -> User | None:
    """Return the user of this run as `require` does, or None for a reader who is not signed in.

    Such readers have access where the operator allows public links, to these alone. With SIGN_IN in the address, they
    get the sign-in page. Raises as `require`.
    """
    try:
        access = resources.settings().access
    except SettingError:
        return require()
    if access.allows_public_links and SIGN_IN not in st.query_params:
        user = _identify_session(access)
        if not isinstance(user, User) and access.is_reader(user):
            return None
    return require()


def current_admin() -> User | None:
    """Return the session's user if they are an admin at this moment, else None.

    For callbacks, which run before require(). Raises StoreError when revoked sign-ins cannot be read.
    """
    user = session_state.user
    if user is None or not user.is_admin:
        return None
    identified = _identify_session(resources.settings().access)
    if not isinstance(identified, User) or not identified.is_admin or identified.id not in ("", user.id):
        return None
    return user


def admin_action(action: Callable[Concatenate[User, P], None]) -> Callable[P, None]:
    """Make a callback that runs `action` with the admin, or shows that the user is not an admin.

    Errors become a warning, and changes of the policy take effect in the next run.
    """

    @wraps(action)
    def check_and_run(*args: P.args, **kwargs: P.kwargs) -> None:
        if admin := current_admin():
            action(admin, *args, **kwargs)
            resources.policy.clear()
        else:
            flash_warning(t("admin.not_you"))

    return shows_errors(check_and_run)


def identity_persistence() -> Persistence:
    """Return the store that keeps the browser's identity; call it after require()."""
    return session_state.browser_identity.persistence if session_state.browser_identity else "browser"


def _identify_session(access: AccessSettings) -> User | Refusal:
    if access.mode == "oidc" and not st.user.to_dict().get("is_logged_in"):
        # Streamlit also checks the XSRF token and the origin, and st.logout() counts at once.
        return "signed_out"
    if access.mode == "password" and session_state.is_password_verified:
        return ANONYMOUS
    headers = st.context.headers
    raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name in headers
        for value in headers.get_all(name)
    ]
    return identify(Headers(raw=raw_headers), st.context.cookies)


def _render_refusal(refusal: Refusal, access: AccessSettings) -> None:
    if refusal == "unprotected":
        render_unprotected_server(is_community_cloud=resources.host().is_community_cloud)
    elif access.mode == "password":
        render_password_form(access.password)
    elif refusal in _SIGN_IN_AGAIN_REASONS:
        render_sign_in(access, None if refusal == "signed_out" else refusal)
    else:
        claims = read_claims(st.context.cookies) if access.mode == "oidc" else None
        user = auth.user_from_claims(claims) if claims else ANONYMOUS
        render_access_denied(user, refusal, access.mode)


def _record_user(user: User) -> None:
    """Record a user's sign-in once a session. A session that changes its user loses all its values."""
    recorded = session_state.recorded_user
    if recorded == user:
        return
    is_new = recorded is None or recorded.id != user.id
    if recorded is not None and is_new:
        session_state.clear()
    try:
        resources.store().users.upsert(user, resources.settings().access.mode if is_new else "")
    except StoreError:
        log.warning("the user could not be recorded", exc_info=True)
    session_state.recorded_user = user


def _browser_user() -> User:
    """Return the user by their browser, in the access modes without accounts."""
    if session_state.browser_identity is None:
        _wait_for_browser()
    return User(session_state.browser_identity.id)


def _wait_for_browser() -> NoReturn:
    """Render an empty page until the browser has sent its identity, with a message after some seconds."""
    request_identity(_on_identity)
    # Hidden by an inline style: the style sheet with the animation can arrive after this element.
    message = escape(t("browser_id.no_response"))
    st.html(f'<p style="visibility: hidden; animation: {_REVEAL_ANIMATION}">{message}</p>')
    with st.sidebar:
        st.container(key="waiting-sidebar", height=1, border=False)
    st.stop()


def _on_identity() -> None:
    if identity := received_identity():
        resources.claim_legacy_rows(identity.id)
        session_state.browser_identity = identity
