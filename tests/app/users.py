"""Users for tests of roles, and the text of a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from lib.config.auth import AccessSettings, user_from_proxy
from lib.core.user import User

SECRET = "0123456789abcdef"
ADMIN, BOB = "root@example.org", "bob@example.org"
AUTH = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "s" * 32, "client_id": "antler"}
SECRETS = {"groups": {"sales": [BOB]}, "auth": AUTH}
Enter = Callable[..., AppTest]


def id_of(name: str) -> str:
    headers = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": name}
    user = user_from_proxy(lambda header: [headers[header]], AccessSettings("proxy", proxy_secret=SECRET))
    assert isinstance(user, User)
    return user.id


def claims(name: str) -> dict[str, Any]:
    """Claims of a user who signed in a minute ago."""
    now = int(time.time())
    identity = {"iss": "https://id.example", "sub": name, "email": name, "email_verified": True}
    return {**identity, "is_logged_in": True, "iat": now - 60, "exp": now + 36_000}


def page_text(at: AppTest) -> str:
    """All texts of the page, without Markdown escapes."""
    assert not at.exception
    return "\n".join(str(getattr(element, "value", "")) for element in at.main).replace("\\", "")
