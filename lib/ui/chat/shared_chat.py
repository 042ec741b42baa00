"""Shared chat: what a share link shows, to be continued by its reader as a chat of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from lib.core.conversation import Conversation, Node
from lib.core.user import User
from lib.transfer import share_links
from lib.ui.auth import SIGN_IN
from lib.ui.auth.sign_in_html import base_path
from lib.ui.chat import transcript
from lib.ui.session import audit, resources
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import model_access
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning, shows_errors
from lib.ui.widgets.navigation import CHAT_PAGE

_TOKEN = "s"


def render(user: User | None) -> None:
    """Render the chat behind the link in the address; `user` is None for a reader who is not signed in.

    A link that is not for the reader looks like one that does not exist. Raises StoreError.
    """
    st.query_params.pop(SIGN_IN, None)
    token = st.query_params.get(_TOKEN, "")
    snapshot = _load(token, user)
    if snapshot is None:
        st.title(t("shared.not_available"), anchor=False)
        st.markdown(t("shared.not_available_why" if user else "shared.not_available_signed_out"))
        if user is None:
            _render_sign_in(t("sign_in.submit"), token)
        return
    conversation, nodes = snapshot
    st.title(escape_markdown(conversation.title), anchor=False)
    st.caption(t("shared.snapshot_of", day=dates.format_date(conversation.updated_at)))
    transcript.render_read_only(nodes)
    with st.bottom, st.container(key="continue-shared", horizontal=True, horizontal_alignment="center"):
        if user is None:
            _render_sign_in(t("shared.sign_in"), token)
        else:
            render_button(t("shared.continue"), "shared-continue", "forum", _continue, user, token, type="primary")


def _load(token: str, user: User | None) -> tuple[Conversation, Sequence[Node]] | None:
    return share_links.read_share_link(resources.store().shares, token, is_signed_in=user is not None)


def _render_sign_in(label: str, token: str) -> None:
    """Render a button that leads to the sign-in, and back to the link."""
    # A form, not a button of Streamlit's: the sign-in may be a page of its own.
    st.html(
        f'<form class="antler-sign-in" method="get" action="{escape(base_path())}shared">'
        f'<input type="hidden" name="{_TOKEN}" value="{escape(token)}">'
        f'<input type="hidden" name="{SIGN_IN}" value="1"><button>{escape(label)}</button></form>'
    )


@shows_errors
def _continue(user: User, token: str) -> None:
    """Copy the chat as the link shows it now into the reader's history, and open the copy; a callback."""
    snapshot = _load(token, user)
    if snapshot is None:
        flash_warning(t("shared.not_available_why"))
        return
    own, nodes = share_links.copy_snapshot(snapshot)
    if own.target and not model_access.is_model_allowed(user, own.target.model):
        own = replace(own, target=None)
    resources.store().messages.save_turn(user.id, own, nodes, allow_missing_files=True)
    audit.record(user, "import", own.id, kind="share")
    st.switch_page(CHAT_PAGE, query_params={"c": own.id})
