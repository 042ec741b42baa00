"""Component that requests the secret that a browser has created and stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from lib.ui.browser.component import declare
from lib.ui.session.state import session_state
from lib.ui.session.values import BrowserIdentity, Persistence

_COMPONENT_KEY = "browser"
_SECRET_PATTERN = re.compile(r"[0-9a-f]{48}")
_component = declare("browser_id", __file__, "browser_secret", "browser_id")
# The script that finds the identity, for the top of a page: what it creates settles while the page loads.
SECRET_SCRIPT = Path(__file__).with_name("browser_secret.js").read_text(encoding="utf-8")


def request_identity(on_identity: Callable[[], None]) -> None:
    """Ask the browser for its identity; its response starts a run that begins with the callback."""
    # A new nonce in every run: a component with unchanged data does not respond, also not to another server.
    _component(key=_COMPONENT_KEY, data={"nonce": secrets.token_hex(4)}, on_identity_change=on_identity)


def received_identity() -> BrowserIdentity | None:
    """Return the identity in the browser's response, inside the callback; None for an invalid one."""
    response = session_state.widget(_COMPONENT_KEY)
    return parse_identity(response.get("identity")) if isinstance(response, dict) else None


def parse_identity(response: object) -> BrowserIdentity | None:
    """Parse a browser's response; None for anything that the component itself would not send."""
    if not isinstance(response, dict):
        return None
    secret = response.get("secret")
    persistence: Persistence | None = next(
        (option for option in get_args(Persistence) if option == response.get("persistence")), None
    )
    if persistence is None or not isinstance(secret, str) or not _SECRET_PATTERN.fullmatch(secret):
        return None
    return BrowserIdentity("browser:" + hashlib.sha256(secret.encode()).hexdigest()[:32], persistence)
