"""The shared password: how it is tried, and the signed cookie of a browser that knew it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time

import streamlit as st
from itsdangerous import BadSignature, URLSafeTimedSerializer

from lib.ui.auth.login_throttle import LoginThrottle

COOKIE_NAME = "antler_session"
COOKIE_MAX_AGE = 14 * 24 * 3600  # seconds for which a browser stays signed in
log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def _login_throttle() -> LoginThrottle:
    """The tries of the password: the process's own."""
    return LoginThrottle()


def check_password(password: str, candidate: str, address: str) -> tuple[bool, float]:
    """Whether what somebody typed at an address is the password; with the seconds until the next try may be.

    Where that is not 0.0, the right word is refused as well.
    """
    if wait := _login_throttle().register_attempt(address, time.monotonic()):
        log.warning("the password was tried too often")
        return False, wait
    # Surrogates, which no browser sends, must not raise.
    right = hmac.compare_digest(candidate.encode(errors="replace"), password.encode(errors="replace"))
    if right:
        _login_throttle().discard_attempt(address)
    return right, 0.0


@st.cache_resource(show_spinner=False, max_entries=2)
def _signer(_password: str, fingerprint: str) -> URLSafeTimedSerializer:
    """What signs, with a key made of the password: another password signs everybody out."""
    # Slow to make, so that a cookie that got about is of little help in guessing the password.
    key = hashlib.scrypt(_password.encode(), salt=fingerprint.encode(), n=2**14, r=8, p=1)
    return URLSafeTimedSerializer(key, salt=COOKIE_NAME)


def _signer_for(password: str) -> URLSafeTimedSerializer:
    return _signer(password, hashlib.sha256(b"antler" + password.encode()).hexdigest())


def create_cookie(password: str) -> str:
    """The value of a new cookie; it holds nothing but chance and the time."""
    return _signer_for(password).dumps(secrets.token_hex(8))


def is_valid_cookie(password: str, cookie: str) -> bool:
    """Whether this cookie was made with this password, and not too long ago."""
    try:
        _signer_for(password).loads(cookie, max_age=COOKIE_MAX_AGE)
    except BadSignature:
        return False
    return True
