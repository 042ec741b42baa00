"""The small component by which a browser tells the secret that it makes and keeps."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.session.values import BrowserIdentity, Persistence

_COMPONENT_KEY = "browser"
_SECRET_PATTERN = re.compile(r"[0-9a-f]{48}")
_component = st.components.v2.component(
    "antler_browser",
    js=(Path(__file__).parent / "browser_id.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def request_identity(on_identity: Callable[[], None]) -> None:
    """Ask the browser, which answers with a run of its own that begins with this callback."""
    # Asked anew with every run: a component whose data are the same stays silent, also to another server.
    _component(key=_COMPONENT_KEY, data={"asked": secrets.token_hex(4)}, on_told_change=on_identity)


def received_identity() -> BrowserIdentity | None:
    """What the browser has just told, inside the callback; None where that is not what it was asked for."""
    answer = session_state.widget(_COMPONENT_KEY)
    return parse_identity(answer.get("told")) if isinstance(answer, dict) else None


def parse_identity(answer: object) -> BrowserIdentity | None:
    """What a browser's answer tells; None for anything that our own component would not send."""
    if not isinstance(answer, dict):
        return None
    secret = answer.get("secret")
    place: Persistence | None = next(
        (one for one in get_args(Persistence) if one == answer.get("where")), None
    )
    if place is None or not isinstance(secret, str) or not _SECRET_PATTERN.fullmatch(secret):
        return None
    return BrowserIdentity("browser:" + hashlib.sha256(secret.encode()).hexdigest()[:32], place)
