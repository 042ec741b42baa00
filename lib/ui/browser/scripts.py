"""Scripts of the page itself: keys and shortcuts, focus, labels for screen readers, connection, selected text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.browser.component import declare
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import t

# By action, the most used first. "mod" is Ctrl, and Command on a Mac. None has Alt: with it, a Mac and AltGr type
# characters. Left out is what browsers do not leave to a page, and what input methods use.
SHORTCUTS: dict[str, tuple[str, ...]] = {
    "new_chat": ("mod+shift+o",),
    "search": ("mod+k",),
    "focus_composer": ("shift+escape",),
    "send": ("enter",),
    "new_line": ("shift+enter",),
    "edit_last": ("arrowup",),
    "stop": ("escape",),
    "regenerate": ("mod+shift+enter",),
    "copy_answer": ("mod+shift+c",),
    "copy_code": ("mod+shift+;",),
    "toggle_sidebar": ("mod+shift+s",),
    "settings": ("ctrl+,",),
    "show_shortcuts": ("mod+/", "?"),
}
_FOLDER = Path(__file__).parent


def load(name: str, *parts: str) -> Callable[..., Any]:
    """Return the component of the files `name`.js, .html and .css of this folder, as far as they exist.

    Its script begins with the shared one and with the scripts `parts`.
    """
    html = _FOLDER / f"{name}.html"
    return declare(
        name,
        __file__,
        *("dom", *parts, name),
        html=html.read_text(encoding="utf-8") if html.exists() else None,
        css=name if (_FOLDER / f"{name}.css").exists() else None,
    )


_keys = load("keys", "typing", "actions")
_focus = load("focus")
_landmarks = load("landmarks")
_connection = load("connection")
_selected_text = load("selected_text")
_shortcuts = load("shortcuts")
_typed_texts = load("typed_texts")
_return_address = load("return_address")


def render(page_path: str) -> None:
    """Render the scripts; in every run, at the same place. `page_path` is the URL path of the page."""
    texts = {name: t(f"shortcuts.{name}") for name in ("copied", "no_answer", "no_code", "not_regenerated")}
    _keys(key="keys", data={"shortcuts": _list_shortcuts(), "texts": texts})
    # A new value lets the composer take the focus, and closes the sidebar on phones.
    _focus(key="focus", data={"request": f"{page_path} {session_state.composer_focus_request}"})
    labels = {name: t(f"landmark.{name}") for name in ("sidebar", "messages", "composer", "task_done", "task_open")}
    _landmarks(key="landmarks", data={"labels": labels})
    _connection(key="connection", data={"text": t("connection.offline")})
    _selected_text(key="selected-text", data={"label": t("message.quote")})


def keep_typed_texts(user: User) -> None:
    """Let the browser keep what is typed in editors until it is saved, unless the store is away."""
    with contextlib.suppress(StoreError):
        _typed_texts(key="typed-texts", data={"user": services.user_tag(user)})


def render_shortcuts_button() -> None:
    """Render the button that opens the list of keyboard shortcuts."""
    texts = {"title": t("shortcuts.title"), "close": t("streamlit.close"), "or": t("shortcuts.or")}
    _shortcuts(key="shortcuts", data={"shortcuts": _list_shortcuts(), "texts": texts}, width="content")


def render_return(*, is_signed_in: bool, ignored: tuple[str, ...] = ()) -> None:
    """Let the browser keep the address for which it has to sign in, and open it after that.

    `ignored` are the names of query parameters that are left out.
    """
    _return_address(key="return-address", data={"isSignedIn": is_signed_in, "ignored": list(ignored)})


def request_composer_focus() -> None:
    """Let the next run focus the composer, or close the sidebar on phones: a callback has opened a chat."""
    session_state.composer_focus_request += 1


def _list_shortcuts() -> list[dict[str, object]]:
    return [
        {"action": action, "label": t(f"shortcuts.{action}"), "keys": list(keys)} for action, keys in SHORTCUTS.items()
    ]
