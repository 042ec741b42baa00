"""Sharing: read-only links to a snapshot of a conversation, and downloads of it."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import transfer
from lib.core import tree
from lib.core.conversation import Conversation
from lib.core.usage import Audience, ShareLink
from lib.core.user import User
from lib.transfer import share_links
from lib.ui.chat import title
from lib.ui.session import audit, conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import current_language, dates, escape_markdown, t, translate
from lib.ui.widgets import cost
from lib.ui.widgets.controls import render_button, render_choice, render_download
from lib.ui.widgets.errors import shows_errors
from lib.ui.widgets.navigation import CHAT_PAGE, SETTINGS_PAGE, SHARED_PATH

_FILE_NAME_UNSAFE = re.compile(r"[^\w\- ]+")
_MAX_FILE_STEM_CHARS = 60


def render(user: User, view: ConversationView) -> DeltaGenerator | None:
    """Render the title and the cost of the open conversation, and a popover to share or download it.

    Returns the slot of the cost; None if there is nothing to share.
    """
    if view.conversation is None or not view.nodes:
        return None
    with st.container(key="hand-on", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        title.render(user, view.conversation)
        cost_slot = st.empty()
        cost.render_conversation_cost(view, cost_slot)
        with st.popover(t("share.open"), icon=":material/ios_share:", type="tertiary", key="share"):
            if not session_state.temporary_store:
                _render_link(user, view.conversation.id)
            has_files = any(node.message.files for node in view.nodes)
            _render_downloads(user, view.conversation, has_files=has_files)
    return cost_slot


def share_url(token: str) -> str:
    """Return the URL of a snapshot at the address under which this page is open."""
    page = urlsplit(st.context.url or "")
    return f"{page.scheme}://{page.netloc}{page.path.rstrip('/')}/{SHARED_PATH}?s={token}"


def _render_link(user: User, conversation_id: str) -> None:
    st.markdown(f"**{t('share.link')}**  \n{t('share.about')}")
    audience = _render_audience()
    if link := session_state.share_tokens.get(conversation_id):
        token, shared_with = link
        st.code(share_url(token), language=None, wrap_lines=True)
        st.caption(f"{_audience_name(shared_with)} {t('share.once')}".strip())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        render_button(t("share.make"), "share-make", "link", _create_link, user, audience, type="secondary")
        params = {**conversation_view.query_params(), "tab": "links"}
        st.page_link(SETTINGS_PAGE, label=t("share.manage"), width="content", query_params=params)


def _render_audience() -> Audience:
    """Render the choice of who can open a link, if there is one, and what it means."""
    access = resources.settings().access
    audience: Audience | None = "team"
    if access.allows_public_links:
        options: list[Audience] = ["team", "public"]
        audience = render_choice(
            t("share.audience"), "share-audience", options, lambda name: t(f"share.{name}"), default="team"
        )
    st.caption(_audience_text(audience or "team"))
    return audience or "team"


def _audience_name(audience: Audience) -> str:
    """Return the name of an audience, in bold; "" where there is only one."""
    return f"**{t(f'share.{audience}')}** ·" if resources.settings().access.allows_public_links else ""


def _audience_text(audience: Audience) -> str:
    if not resources.settings().access.has_sign_in:
        return t("share.about_all")
    return t(f"share.about_{audience}")


@shows_errors
def _create_link(user: User, audience: Audience) -> None:
    view = conversation_view.current_view()
    if view.conversation:
        store = resources.store().shares
        token = share_links.create_share_link(store, user.id, view.conversation, view.nodes, audience)
        audit.record(user, "share", view.conversation.id, audience=audience)
        session_state.share_tokens[view.conversation.id] = (token, audience)


def _render_downloads(user: User, opened: Conversation, *, has_files: bool) -> None:
    st.markdown(f"**{t('share.files')}**")
    store = services.current_store()
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

    def write_archive() -> bytes:
        audit.record(user, "export", opened.id, kind="zip")
        return transfer.write_archive(store.attachments, user.id, [read_conversation()])

    with st.container(horizontal=True, gap="small"):
        stem = file_stem(opened.title)
        render_download(t("share.md"), "download-md", write_markdown, f"{stem}.md", "text/markdown")
        render_download(t("share.json"), "download-json", write_json, f"{stem}.json", "application/json")
        if has_files:
            render_download(t("share.zip"), "download-zip", write_archive, f"{stem}.zip", "application/zip")


def file_stem(title: str) -> str:
    """Return a title as a file name without an extension."""
    parts = _FILE_NAME_UNSAFE.sub(" ", title).split()
    return " ".join(parts)[:_MAX_FILE_STEM_CHARS].strip() or "conversation"


def render_share_links(user: User) -> None:
    """Render the user's shared links, each with its chat and a button to revoke it."""
    links = resources.store().shares.links(user.id)
    if not links:
        st.caption(t("share.none"))
    for link in links:
        with st.container(key=f"shared-{link.id}", horizontal=True, vertical_alignment="center"):
            with st.container(gap=None, width="stretch"):
                label = escape_markdown(link.title)
                st.page_link(CHAT_PAGE, label=label, query_params={"c": link.conversation_id}, width="content")
                st.caption(_describe(link))
            key = f"revoke-{link.id}"
            label, about = t("share.revoke"), link.title
            render_button(label, key, "link_off", _revoke_links, user, [link.id], type="secondary", about=about)
    if len(links) > 1:
        ids = [link.id for link in links]
        render_button(t("share.revoke_all"), "revoke-all", "link_off", _revoke_links, user, ids, type="secondary")


def _describe(link: ShareLink) -> str:
    """Return the day of a link, and its audience where there are two."""
    day, access = dates.format_date(link.created_at), resources.settings().access
    if not access.has_sign_in:
        return day
    # Where the operator has withdrawn public links, such a link opens for the team only.
    is_public = link.audience == "public" and access.allows_public_links
    return f"{day} · {t('share.public' if is_public else 'share.team')}"


@shows_errors
def _revoke_links(user: User, link_ids: list[str]) -> None:
    for link_id in link_ids:
        resources.store().shares.revoke(user.id, link_id)
        audit.record(user, "revoke", link_id)
    del session_state.share_tokens
