"""The request of an attempt as code: curl, Python with requests, and the call of the vendor's SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

import streamlit as st

from lib.chat.exchanges.curl import curl_command
from lib.chat.exchanges.python_code import requests_code
from lib.chat.exchanges.request_parts import FileContents, load_files, missing_files
from lib.chat.exchanges.sdk_code import find_sdk_call, sdk_code
from lib.chat.turns.ports import AttachmentStore
from lib.core.exchanges import Attempt
from lib.core.images import format_size
from lib.core.user import User
from lib.ui.session import services
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_choice, render_download

_MAX_FILE_BYTES = 24_000  # of all files in code on the page
_MAX_CODE_CHARS = 200_000
_MAX_COLORED_CHARS = 30_000  # colors of more take the browser too long
_LANGUAGES = {"curl": "bash", "requests": "python", "sdk": "python"}
_WRITERS: dict[str, Callable[[Attempt, FileContents], str]] = {
    "curl": curl_command,
    "requests": requests_code,
    "sdk": sdk_code,
}


def render(user: User, store: AttachmentStore, attempt: Attempt) -> None:
    """Render the code, with a button that copies it. Raises StoreError."""
    if attempt.omits_body:
        st.caption(t("inspector.code_without_body"))
        return
    _render_host_warning(attempt)
    kind = render_choice(
        t("inspector.code_kind"),
        "inspector-code-kind",
        list(_WRITERS),
        lambda name: _label(name, attempt),
        default="curl",
    )
    kind = kind or "curl"
    st.caption(t("inspector.code_about"))
    contents = load_files(store, user.id, attempt)
    missing = [] if not attempt.files else missing_files(attempt, contents)
    is_short = sum(map(len, contents.values())) <= _MAX_FILE_BYTES
    write = _WRITERS[kind]
    code = write(attempt, contents if is_short else {})
    if not code:
        st.caption(t("inspector.no_sdk"))
        return
    if missing:
        st.caption(t("inspector.files_missing", count=len(missing)))
    if not is_short or len(code) > _MAX_CODE_CHARS:
        st.caption(t("inspector.code_shortened", size=format_size(sum(map(len, contents.values())) + len(code))))
    language = _LANGUAGES[kind] if len(code) <= _MAX_COLORED_CHARS else None
    with st.container(key="inspector-code-text"):
        st.code(code[:_MAX_CODE_CHARS], language=language, wrap_lines=True)
    name = "request.sh" if kind == "curl" else "request.py"
    key = f"inspector-code-download-{kind}"
    render_download(
        t("inspector.download_code"),
        key,
        lambda: write(attempt, contents).encode("utf-8", "replace"),
        name,
        "text/plain",
    )


def _render_host_warning(attempt: Attempt) -> None:
    """Warn before the key is sent to another host: the request of a bug report may have had any address."""
    host, own_host = _host(attempt.url), _host(services.connection().gateway.base_url)
    if host != own_host:
        text = t("inspector.other_host", host=escape_markdown(host or attempt.url), own=escape_markdown(own_host))
        st.warning(text, icon=":material/warning:")


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


def _label(kind: str, attempt: Attempt) -> str:
    if kind != "sdk":
        return "curl" if kind == "curl" else "Python · requests"
    call = find_sdk_call(attempt)
    return f"Python · {escape_markdown(call.package) if call else 'SDK'}"
