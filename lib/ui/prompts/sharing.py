"""Sharing of an entry of the prompt library as a file or a link."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from lib import transfer
from lib.core.user import User
from lib.transfer import share_links
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import shows_errors

_PAGE = "prompts"


def render(user: User, prompt_id: str) -> None:
    """Render the panel with the link and the file of an entry. Raises StoreError."""
    links = resources.store().prompts.links(user.id, prompt_id)
    with st.container(key=f"prompt-share-{prompt_id}", border=True, gap="small"):
        st.caption(t("prompts.link_about"))
        if token := session_state.prompt_tokens.get(prompt_id):
            st.code(_link_url(token), language=None, wrap_lines=True)
            st.caption(t("prompts.link_once"))
        with st.container(horizontal=True, gap="small"):
            render_button(
                t("share.make"), f"prompt-link-{prompt_id}", "link", _create_link, user, prompt_id, type="secondary"
            )
            write = partial(_write_file, user, prompt_id)
            render_download(t("prompts.download"), f"prompt-file-{prompt_id}", write, "prompt.json", "application/json")
            if links:
                label = t("prompts.revoke", count=len(links))
                render_button(label, f"prompt-revoke-{prompt_id}", "link_off", _revoke_links, user, prompt_id)
            render_button(t("prompts.close"), f"prompt-share-close-{prompt_id}", "close", _close)


def _link_url(token: str) -> str:
    """Return the URL of the import preview at the address under which this page is open."""
    page = urlsplit(st.context.url or "")
    path = page.path.rstrip("/").removesuffix(f"/{_PAGE}")
    return f"{page.scheme}://{page.netloc}{path}/{_PAGE}?p={token}"


@shows_errors
def _create_link(user: User, prompt_id: str) -> None:
    store = resources.store().prompts
    entry = store.get(user.id, prompt_id)
    if entry and (token := share_links.create_prompt_link(store, user.id, entry)):
        audit.record(user, "share", prompt_id, kind="prompt")
        session_state.prompt_tokens[prompt_id] = token


@shows_errors
def _revoke_links(user: User, prompt_id: str) -> None:
    resources.store().prompts.revoke_links(user.id, prompt_id)
    audit.record(user, "revoke", prompt_id, kind="prompt")
    session_state.prompt_tokens.pop(prompt_id, None)


def _write_file(user: User, prompt_id: str) -> bytes:
    entry = resources.store().prompts.get(user.id, prompt_id)
    audit.record(user, "export", prompt_id, kind="prompt")
    return b"".join(transfer.write_export([], [entry] if entry else []))


def _close() -> None:
    session_state.shared_prompt_id = ""
