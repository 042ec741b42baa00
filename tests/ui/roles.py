"""Whom the tests of roles are about, and what a page shows them."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from lib.core.admission import Access, proxied
from lib.core.types import Person

SECRET = "0123456789abcdef"
ADMIN, BOB = "root@example.org", "bob@example.org"
SECRETS = {"groups": {"sales": [BOB]}}
Enter = Callable[..., AppTest]


def id_of(name: str) -> str:
    headers = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": name}
    found = proxied(lambda header: [headers[header]], Access("proxy", proxy_secret=SECRET))
    assert isinstance(found, Person)
    return found.id


def shown(at: AppTest) -> str:
    """All texts of the page, without the signs that keep them from being Markdown."""
    assert not at.exception
    return "\n".join(str(getattr(one, "value", "")) for one in at.main).replace("\\", "")
