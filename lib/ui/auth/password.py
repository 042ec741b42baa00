"""The shared password: check with a rate limit, and the signed session cookie."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import secrets
import time
from math import ceil

import streamlit as st
from itsdangerous import BadSignature, URLSafeTimedSerializer

from lib.core.errors import StoreError
from lib.ui.auth.login_throttle import MAX_PER_ADDRESS, MAX_TOTAL, WINDOW_SECONDS, LoginThrottle
from lib.ui.session import resources
from lib.ui.session.values import PasswordCheck
from lib.ui.text import translate

COOKIE_NAME = "antler_session"
COOKIE_MAX_AGE = 14 * 24 * 3600  # seconds
log = logging.getLogger(__name__)


def error_text(language: str, check: PasswordCheck | None) -> str:
    """Return the message about the last attempt; "" without one, or for a correct password."""
    if check and check.retry_after:
        return translate(language, "sign_in.wait", minutes=ceil(check.retry_after / 60))
    return translate(language, "sign_in.wrong") if check and not check.is_correct else ""


@st.cache_resource(show_spinner=False)
def _login_throttle() -> LoginThrottle:
    return LoginThrottle()


def check_password(password: str, candidate: str, address: str) -> PasswordCheck:
    """Check a password typed by a client at that IP address, unless attempts are throttled."""
    if retry_after := _register_attempt(address):
        log.warning("password attempts are throttled")
        return PasswordCheck(False, retry_after)
    # Surrogates, which no browser sends, must not raise.
    is_correct = hmac.compare_digest(candidate.encode(errors="replace"), password.encode(errors="replace"))
    if is_correct:
        _discard_attempt(address)
    return PasswordCheck(is_correct)


def _register_attempt(address: str) -> float:
    """Count an attempt for all servers together, or for this process while the database is away."""
    try:
        return resources.store().sign_ins.register_attempt(
            address,
            time.time(),
            max_per_address=MAX_PER_ADDRESS,
            max_total=MAX_TOTAL,
            window_seconds=WINDOW_SECONDS,
        )
    except StoreError:
        return _login_throttle().register_attempt(address, time.monotonic())


def _discard_attempt(address: str) -> None:
    _login_throttle().discard_attempt(address)
    with contextlib.suppress(StoreError):
        resources.store().sign_ins.discard_attempt(address)


@st.cache_resource(show_spinner=False, max_entries=2)
def _signer(_password: str, fingerprint: str) -> URLSafeTimedSerializer:
    """Return a signer with a key derived from the password: a new password signs out all browsers."""
    # A slow derivation makes a leaked cookie of little use for guessing the password.
    key = hashlib.scrypt(_password.encode(), salt=fingerprint.encode(), n=2**14, r=8, p=1)
    return URLSafeTimedSerializer(key, salt=COOKIE_NAME)


def _signer_for(password: str) -> URLSafeTimedSerializer:
    return _signer(password, hashlib.sha256(b"antler" + password.encode()).hexdigest())


def create_cookie(password: str) -> str:
    """Return the value of a new session cookie: a nonce and the time, signed."""
    return _signer_for(password).dumps(secrets.token_hex(8))


def is_valid_cookie(password: str, cookie: str) -> bool:
    """Tell if a cookie was signed with this password within COOKIE_MAX_AGE, and not revoked."""
    return _is_signed(password, cookie) and not _is_revoked(cookie)


def _is_signed(password: str, cookie: str) -> bool:
    try:
        _signer_for(password).loads(cookie, max_age=COOKIE_MAX_AGE)
    except BadSignature:
        return False
    return True


def _is_revoked(cookie: str) -> bool:
    """Tell if a cookie was revoked; while the database is away, a signature is enough: nothing can be read."""
    try:
        return resources.store().sign_ins.is_revoked(sign_in_id(cookie))
    except StoreError:
        return False


def sign_in_id(cookie: str) -> str:
    """Return the id under which a cookie is revoked: a digest, of which no cookie can be made."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def revoke_cookie(password: str, cookie: str) -> None:
    """Revoke a valid cookie on all servers, until it expires by itself."""
    if not _is_signed(password, cookie):
        return
    try:
        resources.store().sign_ins.revoke(sign_in_id(cookie), time.time() + COOKIE_MAX_AGE)
    except StoreError:
        log.warning("a sign-out could not be saved: the cookie is only deleted in its browser", exc_info=True)
