"""Sharing: read-only links to a snapshot of a conversation, and downloads of it."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import transfer
from lib.core import tree
from lib.core.conversation import Conversation, Node
from lib.core.user import User
from lib.transfer import share_links
from lib.ui.session import audit, conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import current_language, dates, escape_markdown, t, translate
from lib.ui.widgets import cost
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import shows_errors

_SHARED_PAGE = "shared"
_FILE_NAME_UNSAFE = re.compile(r"[^\w\- ]+")
_MAX_FILE_STEM_CHARS = 60


def render(user: User, view: ConversationView) -> DeltaGenerator | None:
    """Render the cost of the open conversation, and a popover to share or download it.

    Returns the slot of the cost; None if there is nothing to share.
    """
    if view.conversation is None or not view.nodes:
        return None
    with st.container(key="hand-on", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        cost_slot = st.empty()
        cost.render_conversation_cost(view, cost_slot)
        with st.popover(t("share.open"), icon=":material/ios_share:", type="tertiary", key="share"):
            if not session_state.temporary_store:
                _render_link(user, view.conversation.id)
            _render_downloads(user, view.conversation)
    return cost_slot


def share_url(token: str) -> str:
    """Return the URL of a snapshot at the address under which this page is open."""
    page = urlsplit(st.context.url or "")
    return f"{page.scheme}://{page.netloc}{page.path.rstrip('/')}/{_SHARED_PAGE}?s={token}"


def _render_link(user: User, conversation_id: str) -> None:
    st.markdown(f"**{t('share.link')}**  \n{t('share.about')}")
    if token := session_state.share_tokens.get(conversation_id):
        st.code(share_url(token), language=None, wrap_lines=True)
        st.caption(t("share.once"))
    render_button(t("share.make"), "share-make", "link", _create_link, user, type="secondary")


@shows_errors
def _create_link(user: User) -> None:
    view = conversation_view.current_view()
    if view.conversation:
        store = resources.store().shares
        token = share_links.create_share_link(store, user.id, view.conversation, view.nodes)
        audit.record(user, "share", view.conversation.id)
        session_state.share_tokens[view.conversation.id] = token


def _render_downloads(user: User, opened: Conversation) -> None:
    st.markdown(f"**{t('share.files')}**")
    store = services.turn_services().store
    # Files are written outside of a run, without access to the session's language.
    translate_text = partial(translate, current_language())

    def read_conversation() -> transfer.ConversationRecord:
        # As it is at the click: an answer may have arrived since this was rendered.
        conversation = store.conversations.get(user.id, opened.id) or opened
        return conversation, store.messages.nodes(user.id, opened.id)

    def write_markdown() -> bytes:
        conversation, nodes = read_conversation()
        audit.record(user, "export", opened.id, kind="md")
        path = tree.path(nodes, conversation.head_id)
        return transfer.export_markdown(conversation, path, translate_text).encode()

    def write_json() -> bytes:
        audit.record(user, "export", opened.id, kind="json")
        return b"".join(transfer.write_export([read_conversation()]))

    with st.container(horizontal=True, gap="small"):
        stem = file_stem(opened.title)
        render_download(t("share.md"), "download-md", write_markdown, f"{stem}.md", "text/markdown")
        render_download(t("share.json"), "download-json", write_json, f"{stem}.json", "application/json")


def file_stem(title: str) -> str:
    """Return a title as a file name without an extension."""
    parts = _FILE_NAME_UNSAFE.sub(" ", title).split()
    return " ".join(parts)[:_MAX_FILE_STEM_CHARS].strip() or "conversation"


def render_share_links(user: User) -> None:
    """Render the user's shared links, each with a button to revoke it."""
    links = resources.store().shares.links(user.id)
    if not links:
        st.caption(t("share.none"))
    for link in links:
        with st.container(key=f"shared-{link.id}", horizontal=True, vertical_alignment="center"):
            day = dates.format_date(link.created_at)
            st.markdown(f"{escape_markdown(link.title)}  \n:small[:gray[{day}]]", width="stretch")
            key = f"revoke-{link.id}"
            render_button(t("share.revoke"), key, "link_off", _revoke_link, user, link.id, type="secondary")


@shows_errors
def _revoke_link(user: User, link_id: str) -> None:
    resources.store().shares.revoke(user.id, link_id)
    audit.record(user, "revoke", link_id)
    del session_state.share_tokens


def load_snapshot(token: str) -> tuple[Conversation, list[Node]] | None:
    """Return the conversation and the messages behind a link; None if there is no such link."""
    return share_links.read_share_link(resources.store().shares, token)
