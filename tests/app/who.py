"""Who may ask, in each mode of access: what comes with them, and what they are to be shown."""

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

PASSWORD, SECRET, SAID = "correct horse", "0123456789abcdef", "Said in confidence"
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
FROM_PROXY = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
ALLOW = ("@example.org",)
BROWSER = "browser:0123"
OWNERS = (
    BROWSER,
    user_from_claims(CLAIMS).id,
    user_from_proxy(lambda name: [FROM_PROXY[name]], AccessSettings("proxy", proxy_secret=SECRET)).id,
)
KEYED = {"DEERAPI_API_KEY": "sk-123", "DEERAPI_BASE_URL": "http://127.0.0.1:9", "DEERAPI_RETRIES": "0"}
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
class Who:
    """What comes with somebody's handshake, what st.login knows of them, and where the server is bound."""

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = "127.0.0.1"
    environ: Mapping[str, str] = field(default_factory=dict)


def oidc_cookies(claims: Mapping[str, Any]) -> dict[str, str]:
    """The cookie that st.login sets for these claims, signed by the server of the tests."""
    value = create_signed_value(get_cookie_secret(), AUTH_COOKIE_NAME, json.dumps(dict(claims)))
    return {AUTH_COOKIE_NAME: value.decode()} if claims else {}


def signed(**changed: Any) -> Who:
    return Who(user={**CLAIMS, **changed})


# By mode: who is asking, and the title that they see in place of the page; "" for the page itself.
MATRIX: list[tuple[str, str, Who, str]] = [
    ("local", "a demo, bound anywhere", Who(address=None), ""),
    ("local", "a key on loopback", Who(environ=KEYED), ""),
    ("local", "a key on all addresses", Who(environ=KEYED, address=None), "Access is not set up"),
    ("local", "a key on one address", Who(environ=KEYED, address="10.0.0.1"), "Access is not set up"),
    (
        "local",
        "a key behind a proxy",
        Who({"X-Forwarded-For": "10.0.0.9"}, environ=KEYED),
        "Access is not set up",
    ),
    (
        "local",
        "a key by a stranger's host",
        Who({"Host": "evil.example"}, environ=KEYED),
        "Access is not set up",
    ),
    ("local", "a key by its own name", Who({"Host": "localhost:8501"}, environ=KEYED), ""),
    ("viewers", "a key on all addresses", Who(environ=KEYED, address=None), ""),
    ("password", "nobody", Who(), "Sign in"),
    ("password", "a made-up cookie", Who(cookies={password.COOKIE_NAME: "IjAi.aaaa.bbbb"}), "Sign in"),
    (
        "password",
        "another's cookie",
        Who(cookies={password.COOKIE_NAME: password.create_cookie("battery staple")}),
        "Sign in",
    ),
    (
        "password",
        "who knows it",
        Who(cookies={password.COOKIE_NAME: password.create_cookie(PASSWORD)}, address=None),
        "",
    ),
    ("oidc", "nobody", Who(), "Sign in"),
    ("oidc", "who has signed out", Who(user={**CLAIMS, "is_logged_in": False}), "Sign in"),
    ("oidc", "a proxy's header", Who(headers=FROM_PROXY), "Sign in"),
    ("oidc", "a stranger", signed(email="eve@example.com"), "Access denied"),
    ("oidc", "an unverified address", signed(email_verified=False), "Access denied"),
    ("oidc", "a thin token", signed(email=None, email_verified=None), "Access denied"),
    ("oidc", "who signed in long ago", signed(exp=int(time.time()) - 1), "Sign in"),
    ("oidc", "the right person", Who(user=CLAIMS, address=None), ""),
    ("proxy", "nobody", Who(), "Access denied"),
    ("proxy", "a forged header", Who({"X-Forwarded-Email": "ann@example.org"}), "Access denied"),
    ("proxy", "the proxy without a name", Who({"X-Antler-Proxy": SECRET}), "Access denied"),
    ("proxy", "a wrong secret", Who({**FROM_PROXY, "X-Antler-Proxy": "x" * 16}), "Access denied"),
    ("proxy", "a stranger", Who({**FROM_PROXY, "X-Forwarded-Email": "eve@x.com"}), "Access denied"),
    ("proxy", "another's sign-in", Who(user=CLAIMS), "Access denied"),
    ("proxy", "the right person", Who(FROM_PROXY, address=None), ""),
]
BOSS = {"ANTLER_ADMINS": "ann@example.org"}
# By mode: who is asking, and whether they are an admin.
ROLES: list[tuple[str, str, Who, bool]] = [
    ("local", "who sits at the machine", Who(), True),
    ("local", "who sits at it, with a key", Who(environ=KEYED), True),
    ("local", "a demo's guest", Who(address=None, environ=BOSS), False),
    ("local", "a demo's guest through a proxy", Who({"X-Forwarded-For": "10.0.0.9"}), False),
    ("viewers", "a viewer", Who(environ=KEYED | BOSS), False),
    (
        "password",
        "who knows it",
        Who(cookies={password.COOKIE_NAME: password.create_cookie(PASSWORD)}, environ=BOSS),
        False,
    ),
    ("oidc", "an admin", Who(user=CLAIMS, environ=BOSS), True),
    ("oidc", "a member", Who(user=CLAIMS), False),
    (
        "oidc",
        "an admin's address, unverified",
        Who(user={**CLAIMS, "email_verified": False}, environ=BOSS | {"ANTLER_ALLOW": "*"}),
        False,
    ),
    (
        "oidc",
        "an admin's address as a name",
        Who(user={**CLAIMS, "email": None, "name": "ann@example.org"}, environ=BOSS | {"ANTLER_ALLOW": "*"}),
        False,
    ),
    ("proxy", "an admin", Who(FROM_PROXY, environ=BOSS), True),
    ("proxy", "a member", Who(FROM_PROXY), False),
]
