"""Who is signed in with st.login: what the run knows of them, and what their cookie says."""

from __future__ import annotations

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
    """Raises SettingError where Streamlit takes from a header, which anybody can send, who is signed in."""
    if st.get_option("server.trustedUserHeaders"):
        raise SettingError(
            "server.trustedUserHeaders must not be set where the access mode is oidc; "
            "the mode for headers is proxy."
        )


def current_claims() -> Claims | None:
    """The claims of whoever is signed in to this session; None where nobody is."""
    known = st.user.to_dict()
    return known if known.get("is_logged_in") else None


def claims_from_cookies(cookies: Mapping[str, str]) -> Claims | None:
    """The claims in the cookie that Streamlit has signed; None without one, or where it was tampered with."""
    cookie = streamlit_private.read_auth_cookie(cookies)
    try:
        known = json.loads(cookie) if cookie else None
    except ValueError:
        return None
    return known if isinstance(known, dict) and known.get("is_logged_in") is True else None


def refusal_reason(claims: Claims) -> Refusal | None:
    """Why these claims let nobody in at this moment. Raises StoreError where that cannot be found out."""
    revoked = resources.store().users.revoked_before(auth.user_from_claims(claims).id)
    return auth.check_claims(claims, resources.settings().access.allowlist, time.time(), revoked)


def sign_out_everywhere(user_id: str, claims: Claims) -> None:
    """Refuse every sign-in that the owner has up to now, on whatever machine, this one among them."""
    # The provider's clock can be ahead of ours.
    resources.store().users.sign_out_everywhere(user_id, max(time.time(), float(claims["iat"]) + 1))
