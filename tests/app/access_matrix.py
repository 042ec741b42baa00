"""Clients of the access matrix: headers, cookies and claims by access mode, and the expected page."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from lib.config.auth import AccessSettings, user_from_claims, user_from_proxy
from lib.ui.auth import password

PASSWORD, SECRET, QUESTION_TEXT = "correct horse", "0123456789abcdef", "Said in confidence"
AUTH = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "s" * 32, "client_id": "antler"}
CLAIMS = MappingProxyType(
    {
        "is_logged_in": True,
        "iss": "https://id.example",
        "sub": "7",
        "iat": int(time.time()) - 60,
        "exp": int(time.time()) + 36_000,
        "email": "ann@example.org",
        "email_verified": True,
    }
)
PROXY_HEADERS = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
ALLOW = ("@example.org",)
BROWSER = "browser:0123"
OWNERS = (
    BROWSER,
    user_from_claims(CLAIMS).id,
    user_from_proxy(lambda name: [PROXY_HEADERS[name]], AccessSettings("proxy", proxy_secret=SECRET)).id,
)
KEY_SETTINGS = {"DEERAPI_API_KEY": "sk-123", "DEERAPI_BASE_URL": "http://127.0.0.1:9", "DEERAPI_RETRIES": "0"}
MODES: Mapping[str, dict[str, str]] = MappingProxyType(
    {
        "local": {},
        "viewers": {"ANTLER_ACCESS": "viewers"},
        "password": {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD},
        "oidc": {"ANTLER_ACCESS": "oidc", "ANTLER_ALLOW": ",".join(ALLOW)},
        "proxy": {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_ALLOW": ",".join(ALLOW)},
    }
)


@dataclass(frozen=True)
class Client:
    """A client: headers and cookies of its handshake, its claims, and the address that the server binds.

    `password` is the one that it signed in with, if any.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = "127.0.0.1"
    environ: Mapping[str, str] = field(default_factory=dict)
    password: str = ""

    def all_cookies(self) -> dict[str, str]:
        """Return the cookies, with those of its claims and its password, whose key takes long to derive."""
        signed_in = {password.COOKIE_NAME: password.create_cookie(self.password)} if self.password else {}
        return {**self.cookies, **oidc_cookies(self.user), **signed_in}


def oidc_cookies(claims: Mapping[str, Any]) -> dict[str, str]:
    """The cookie that st.login sets for these claims, signed by the server of the tests."""
    value = create_signed_value(get_cookie_secret(), AUTH_COOKIE_NAME, json.dumps(dict(claims)))
    return {AUTH_COOKIE_NAME: value.decode()} if claims else {}


def oidc_client(**changes: Any) -> Client:
    return Client(user={**CLAIMS, **changes})


# By mode: a client, and the title of the page shown in place of the requested one; "" for the page itself.
MATRIX: list[tuple[str, str, Client, str]] = [
    ("local", "a demo, bound anywhere", Client(address=None), ""),
    ("local", "a key on loopback", Client(environ=KEY_SETTINGS), ""),
    ("local", "a key on all addresses", Client(environ=KEY_SETTINGS, address=None), "Access is not set up"),
    (
        "local",
        "a key on one address",
        Client(environ=KEY_SETTINGS, address="10.0.0.1"),
        "Access is not set up",
    ),
    (
        "local",
        "a key behind a proxy",
        Client({"X-Forwarded-For": "10.0.0.9"}, environ=KEY_SETTINGS),
        "Access is not set up",
    ),
    (
        "local",
        "a key with a foreign host",
        Client({"Host": "evil.example"}, environ=KEY_SETTINGS),
        "Access is not set up",
    ),
    ("local", "a key with the local host name", Client({"Host": "localhost:8501"}, environ=KEY_SETTINGS), ""),
    ("viewers", "a key on all addresses", Client(environ=KEY_SETTINGS, address=None), ""),
    ("password", "nobody", Client(), "Sign in"),
    ("password", "a forged cookie", Client(cookies={password.COOKIE_NAME: "IjAi.aaaa.bbbb"}), "Sign in"),
    (
        "password",
        "cookie of another password",
        Client(password="battery staple"),
        "Sign in",
    ),
    (
        "password",
        "the right cookie",
        Client(password=PASSWORD, address=None),
        "",
    ),
    ("oidc", "nobody", Client(), "Sign in"),
    ("oidc", "a signed-out user", Client(user={**CLAIMS, "is_logged_in": False}), "Sign in"),
    ("oidc", "a proxy's header", Client(headers=PROXY_HEADERS), "Sign in"),
    ("oidc", "an unlisted user", oidc_client(email="eve@example.com"), "Access denied"),
    ("oidc", "an unverified address", oidc_client(email_verified=False), "Access denied"),
    ("oidc", "a token without e-mail", oidc_client(email=None, email_verified=None), "Access denied"),
    ("oidc", "an expired sign-in", oidc_client(exp=int(time.time()) - 1), "Sign in"),
    ("oidc", "an allowed user", Client(user=CLAIMS, address=None), ""),
    ("proxy", "nobody", Client(), "Access denied"),
    ("proxy", "a forged header", Client({"X-Forwarded-Email": "ann@example.org"}), "Access denied"),
    ("proxy", "the proxy without a name", Client({"X-Antler-Proxy": SECRET}), "Access denied"),
    ("proxy", "a wrong secret", Client({**PROXY_HEADERS, "X-Antler-Proxy": "x" * 16}), "Access denied"),
    (
        "proxy",
        "an unlisted user",
        Client({**PROXY_HEADERS, "X-Forwarded-Email": "eve@x.com"}),
        "Access denied",
    ),
    ("proxy", "another's sign-in", Client(user=CLAIMS), "Access denied"),
    ("proxy", "an allowed user", Client(PROXY_HEADERS, address=None), ""),
]
ADMIN_SETTINGS = {"ANTLER_ADMINS": "ann@example.org"}
# By mode: a client, and whether the user is an admin.
ROLES: list[tuple[str, str, Client, bool]] = [
    ("local", "a local user", Client(), True),
    ("local", "a local user, with a key", Client(environ=KEY_SETTINGS), True),
    ("local", "a demo's guest", Client(address=None, environ=ADMIN_SETTINGS), False),
    ("local", "a demo's guest through a proxy", Client({"X-Forwarded-For": "10.0.0.9"}), False),
    ("viewers", "a viewer", Client(environ=KEY_SETTINGS | ADMIN_SETTINGS), False),
    (
        "password",
        "the right cookie",
        Client(password=PASSWORD, environ=ADMIN_SETTINGS),
        False,
    ),
    ("oidc", "an admin", Client(user=CLAIMS, environ=ADMIN_SETTINGS), True),
    ("oidc", "a member", Client(user=CLAIMS), False),
    (
        "oidc",
        "an admin's address, unverified",
        Client(user={**CLAIMS, "email_verified": False}, environ=ADMIN_SETTINGS | {"ANTLER_ALLOW": "*"}),
        False,
    ),
    (
        "oidc",
        "an admin's address as a name",
        Client(
            user={**CLAIMS, "email": None, "name": "ann@example.org"},
            environ=ADMIN_SETTINGS | {"ANTLER_ALLOW": "*"},
        ),
        False,
    ),
    ("proxy", "an admin", Client(PROXY_HEADERS, environ=ADMIN_SETTINGS), True),
    ("proxy", "a member", Client(PROXY_HEADERS), False),
]
