"""Sign-in with OpenID Connect (st.login): claims of the ID token, and revocation."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from lib.config import auth
from lib.config.auth import Refusal
from lib.core.errors import SettingError
from lib.ui.server import streamlit_private
from lib.ui.session import resources

Claims = Mapping[str, Any]


def check_trusted_headers() -> None:
    """Raise SettingError if Streamlit would take the user from a header, which any client can send."""
    if st.get_option("server.trustedUserHeaders"):
        raise SettingError(
            "server.trustedUserHeaders must not be set where the access mode is oidc; the mode for headers is proxy."
        )


def read_claims(cookies: Mapping[str, str]) -> Claims | None:
    """Return the claims in the cookie that Streamlit signs; None without one, or if it was tampered with."""
    cookie = streamlit_private.read_auth_cookie(cookies)
    try:
        claims = json.loads(cookie) if cookie else None
    except ValueError:
        return None
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") is True else None


def check_claims(claims: Claims) -> Refusal | None:
    """Return the reason to refuse these claims at this moment, or None. Raises StoreError."""
    store = resources.store()
    revoked_before = store.users.revoked_before(auth.user_from_claims(claims).id)
    refusal = auth.check_claims(claims, resources.settings().access.allowlist, time.time(), revoked_before)
    return refusal or ("signed_out" if store.sign_ins.is_revoked(_sign_in_id(claims)) else None)


def sign_out(claims: Claims) -> None:
    """Revoke this sign-in, also in copies of its cookie. Raises StoreError."""
    resources.store().sign_ins.revoke(_sign_in_id(claims), float(claims["exp"]) + auth.CLOCK_SKEW_SECONDS)


def _sign_in_id(claims: Claims) -> str:
    return hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).hexdigest()


def sign_out_everywhere(user_id: str, claims: Claims) -> None:
    """Revoke all sign-ins of a user on all devices up to now, including this one. Raises StoreError."""
    # The provider's clock can be ahead of ours.
    resources.store().users.sign_out_everywhere(user_id, max(time.time(), float(claims["iat"]) + 1))
