"""The small component by which a browser tells the secret that it makes and keeps."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import streamlit as st

Place = Literal["browser", "tab", "page"]

_KEY = "browser"
_SECRET = re.compile(r"[0-9a-f]{48}")
_component = st.components.v2.component(
    "antler_browser",
    js=(Path(__file__).parent / "browser_id.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class Told:
    """What a browser is known by, without its secret; `place` is what keeps that, and how long it lasts."""

    id: str
    place: Place


def ask(on_told: Callable[[], None]) -> None:
    """Ask the browser, which answers with a run of its own that begins with this callback."""
    # Asked anew with every run: a component whose data are the same stays silent, also to another server.
    _component(key=_KEY, data={"asked": secrets.token_hex(4)}, on_told_change=on_told)


def told() -> Told | None:
    """What the browser has just told, inside the callback; None where that is not what it was asked for."""
    answer = st.session_state.get(_KEY)
    return read(answer.get("told")) if isinstance(answer, dict) else None


def read(answer: object) -> Told | None:
    """What a browser's answer tells; None for anything that our own component would not send."""
    if not isinstance(answer, dict):
        return None
    secret = answer.get("secret")
    place: Place | None = next((one for one in get_args(Place) if one == answer.get("where")), None)
    if place is None or not isinstance(secret, str) or not _SECRET.fullmatch(secret):
        return None
    return Told("browser:" + hashlib.sha256(secret.encode()).hexdigest()[:32], place)
