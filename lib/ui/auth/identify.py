"""Identification of a user by headers and cookies, the same for the ASGI middleware and for pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
from starlette.datastructures import Headers

from lib.config import auth
from lib.config.auth import Refusal
from lib.core.user import User
from lib.ui.auth.oidc import check_claims, read_claims
from lib.ui.auth.password import COOKIE_NAME, is_valid_cookie
from lib.ui.session import resources

ANONYMOUS = User("")  # a user without an account, distinguished by browser in require()


def identify(headers: Headers, cookies: Mapping[str, str]) -> User | Refusal:
    """Identify the user of a request or a websocket handshake, with their roles.

    Returns ANONYMOUS, possibly as an admin, in the access modes without accounts, and a Refusal for access
    denied. Raises SettingError, and StoreError when revoked sign-ins cannot be read.
    """
    settings = resources.settings()
    access = settings.access
    if access.mode == "oidc":
        claims = read_claims(cookies)
        if claims is None:
            return "signed_out"
        if refusal := check_claims(claims):
            return refusal
        user = auth.user_from_claims(claims)
        return settings.roles.apply_to(user, user.email if auth.is_email_verified(claims) else "")
    if access.mode == "proxy":
        user_or_refusal = auth.user_from_proxy(headers.getlist, access)
        if isinstance(user_or_refusal, User):
            return settings.roles.apply_to(user_or_refusal, user_or_refusal.name)
        return user_or_refusal
    if access.mode == "password":
        cookie = cookies.get(COOKIE_NAME, "")
        return ANONYMOUS if is_valid_cookie(access.password, cookie) else "signed_out"
    if access.mode == "local":
        is_local = auth.is_local_request(st.get_option("server.address"), headers.get)
        # A local user is alone on the machine, and so the admin.
        return replace(ANONYMOUS, is_admin=is_local) if is_local or settings.is_demo else "unprotected"
    return ANONYMOUS
