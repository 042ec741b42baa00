"""Pages opened as somebody whom a proxy names, with admins and groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from lib.ui.session import resources
from lib.ui.session.values import BrowserIdentity
from tests.app.roles import ADMIN, SECRET, SECRETS, Enter

ROOT = Path(__file__).parents[2]
NOBODY: Mapping[str, Any] = MappingProxyType({})


def forget() -> None:
    for kept in (
        resources.settings,
        resources.store,
        resources._gateway,
        resources.policy,
        resources._last_policy,
    ):
        kept.clear()


@pytest.fixture
def enter(database_url, monkeypatch) -> Iterator[Enter]:
    """Opens a page as somebody whom the proxy names, or as a browser in another mode."""
    modes = {
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
        "ANTLER_ADMINS": ADMIN,
        "ANTLER_ALLOW": "@example.org",
    }

    def go(
        page: str, name: str = ADMIN, *, mode: str = "proxy", user: Mapping[str, Any] = NOBODY, **session: Any
    ) -> AppTest:
        for key, value in {**modes, "ANTLER_ACCESS": mode, "DATABASE_URL": database_url}.items():
            monkeypatch.setenv(key, value)
        headers = [("X-Antler-Proxy", SECRET), ("X-Forwarded-Email", name)]
        shaken = SimpleNamespace(headers=headers, cookies={}, remote_ip="10.0.0.9")
        monkeypatch.setattr(context, "_get_client_context", lambda: shaken)
        # As if seconds had passed.
        resources.policy.clear()
        at = AppTest.from_file(ROOT / "app.py", default_timeout=60)
        if page != "chat":
            at.switch_page(f"pages/{page}.py")
        at.user = dict(user)
        at.session_state["browser_identity"] = BrowserIdentity("browser:abcd0123", "browser")
        for key, value in session.items():
            at.session_state[key] = value
        return at.run()

    monkeypatch.delenv("DEERAPI_API_KEY", raising=False)
    monkeypatch.setattr(resources, "_load_secrets", lambda: SECRETS)
    st.config.set_option("server.address", "127.0.0.1")
    forget()
    yield go
    st.config.set_option("server.address", None)
    forget()
