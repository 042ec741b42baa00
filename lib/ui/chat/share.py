"""A conversation handed on: a link to a snapshot of it, and files to keep."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import transfer
from lib.chat import share_links
from lib.core import tree
from lib.core.conversation import Node
from lib.core.user import User
from lib.ui.session import audit, conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import current_language, escape_markdown, t, translate
from lib.ui.widgets import cost
from lib.ui.widgets.errors import shows_errors

_SHARED_PAGE = "shared"
_FILE_NAME_UNSAFE = re.compile(r"[^\w\- ]+")


def render(user: User, view: conversation_view.ConversationView) -> DeltaGenerator | None:
    """What the shown conversation has taken, and what it can be handed on as, folded away.

    Returns the place of what it has taken, None where nothing is shown.
    """
    if view.conversation is None or not view.nodes:
        return None
    with st.container(
        key="hand-on", horizontal=True, horizontal_alignment="right", vertical_alignment="center"
    ):
        place = st.empty()
        cost.render_conversation_cost(view, place)
        with st.popover(t("share.open"), icon=":material/ios_share:", type="tertiary", key="share"):
            if not session_state.temporary_store:
                _render_link(user, view.conversation.id)
            _render_downloads(user, view)
    return place


def share_url(token: str) -> str:
    """The URL of a snapshot, under the address at which this page is open."""
    here = urlsplit(st.context.url or "")
    return f"{here.scheme}://{here.netloc}{here.path.rstrip('/')}/{_SHARED_PAGE}?s={token}"


def _render_link(user: User, conversation_id: str) -> None:
    st.markdown(f"**{t('share.link')}**  \n{t('share.about')}")
    if token := session_state.share_tokens.get(conversation_id):
        st.code(share_url(token), language=None, wrap_lines=True)
        st.caption(t("share.once"))
    st.button(t("share.make"), key="share-make", icon=":material/link:", on_click=_create_link, args=(user,))


@shows_errors
def _create_link(user: User) -> None:
    view = conversation_view.current_view()
    if view.conversation:
        token = share_links.create_share_link(
            resources.store().shares, user.id, view.conversation, view.nodes
        )
        audit.record(user, "share", view.conversation.id)
        session_state.share_tokens[view.conversation.id] = token


def _render_downloads(user: User, view: conversation_view.ConversationView) -> None:
    assert view.conversation is not None
    st.markdown(f"**{t('share.files')}**")
    shown, store, words = (
        view.conversation,
        services.turn_services().store,
        partial(_translate, current_language()),
    )

    def now() -> transfer.ConversationRecord:
        # As it is at the click: an answer may have come since this was painted.
        return store.conversations.get(user.id, shown.id) or shown, store.messages.nodes(user.id, shown.id)

    def as_text() -> bytes:
        conversation, nodes = now()
        audit.record(user, "export", shown.id, kind="md")
        return transfer.export_markdown(conversation, tree.path(nodes, conversation.head_id), words).encode()

    def whole() -> bytes:
        audit.record(user, "export", shown.id, kind="json")
        return b"".join(transfer.write_export([now()]))

    name = file_stem(shown.title)
    with st.container(horizontal=True, gap="small"):
        _render_download_button("md", f"{name}.md", "text/markdown", as_text)
        _render_download_button("json", f"{name}.json", "application/json", whole)


def _render_download_button(kind: str, name: str, mime: str, data: Callable[[], bytes]) -> None:
    icon = ":material/download:"
    words = t(f"share.{kind}")
    st.download_button(words, data, name, mime, key=f"download-{kind}", icon=icon, on_click="ignore")


def _translate(language_code: str, key: str) -> str:
    # Not t(): a file is made outside the run, where no session is known.
    return translate(language_code, key)


def file_stem(title: str) -> str:
    """A title as a name for a file, without an ending."""
    return " ".join(_FILE_NAME_UNSAFE.sub(" ", title).split())[:60].strip() or "conversation"


def render_share_links(user: User) -> None:
    """The links that a person has made, each with the way to take it back."""
    shares = resources.store().shares.links(user.id)
    if not shares:
        st.caption(t("share.none"))
    for share in shares:
        with st.container(key=f"shared-{share.id}", horizontal=True, vertical_alignment="center"):
            day = time.strftime("%Y-%m-%d", time.gmtime(share.created_at))
            st.markdown(f"{escape_markdown(share.title)}  \n:small[:gray[{day}]]", width="stretch")
            st.button(
                t("share.revoke"),
                key=f"revoke-{share.id}",
                icon=":material/link_off:",
                on_click=_revoke_link,
                args=(user, share.id),
            )


@shows_errors
def _revoke_link(user: User, link_id: str) -> None:
    resources.store().shares.revoke(user.id, link_id)
    audit.record(user, "revoke", link_id)
    del session_state.share_tokens


def load_snapshot(token: str) -> tuple[str, float, list[Node]] | None:
    """The title, the time and the messages behind a link; None where there is nothing (any more)."""
    found = share_links.read_share_link(resources.store().shares, token)
    return (found[0].title, found[0].updated_at, found[1]) if found else None
