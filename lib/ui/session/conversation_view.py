"""What a session shows of its conversation: the path, a window of it, and who produces its end."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import streamlit as st

from lib.chat.turns.generation import STOP_TIMEOUT, Generation
from lib.chat.turns.registry import RemoteGeneration
from lib.core import tree
from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView

__all__ = ["ConversationView"]

PAGE_SIZE = 30  # messages painted when a conversation is opened, and more with each "show earlier"


def current_view() -> ConversationView:
    """This session's view."""
    return session_state.view


def open_conversation(owner: str) -> ConversationView:
    """The view of the conversation that the URL names, read from the store where it is not shown yet.

    What is not there, or not the owner's, opens as a new conversation. Without a name in the URL it may be
    the temporary one, which ends where another is opened.
    """
    resources.purge_expired()
    if named := st.query_params.get("c"):
        services.end_temporary()
    kept = session_state.temporary_store
    wanted = kept.current_conversation_id if kept else named
    # Asked before the rows are read: an answer leaves the registry when its end is in the store, so
    # what is not found here is read as it ended.
    answer = resources.generations().find(owner, wanted) if wanted else None
    fresh = services.current_store().conversations.get(owner, wanted) if wanted else None
    if fresh is None:
        st.query_params.pop("c", None)
    elif fresh.unread:
        with contextlib.suppress(StoreError):
            resources.store().conversations.mark_read(owner, fresh.id)
        fresh = replace(fresh, unread=False)
    shown = current_view()
    lost = bool(shown.nodes) and shown.nodes[-1].arriving and answer is None
    if shown.conversation != fresh or lost:
        shown = _load_view(owner, fresh)
    shown.generation = _find_generation(owner, shown, answer)
    return shown


def _find_generation(
    owner: str, view: ConversationView, generation: Generation | None
) -> Generation | RemoteGeneration | None:
    """What produces the last node of the view: this process, another one, or nobody."""
    if not view.nodes or view.conversation_id is None:
        return None
    last = view.nodes[-1]
    if generation is not None and last.id in generation.node_ids:
        return generation
    return (
        RemoteGeneration(owner, view.conversation_id, last, services.current_store().messages)
        if last.arriving
        else None
    )


def _load_view(owner: str, conversation: Conversation | None) -> ConversationView:
    """Make `conversation` the one that this session shows, with its path as it stands in the store."""
    before = current_view()
    known = services.current_store().messages.nodes(owner, conversation.id) if conversation else []
    nodes = tree.path(known, conversation.head_id) if conversation else []
    first = max(0, len(nodes) - PAGE_SIZE)
    if conversation and before.conversation_id == conversation.id and before.end is None:
        first = min(before.start, first)
    sums = services.current_store().usage.totals_by_answer(owner, conversation.id) if conversation else {}
    session_state.view = ConversationView(conversation, nodes, tree.siblings(known), sums, first)
    return session_state.view


def refresh_after_answer(owner: str, view: ConversationView) -> None:
    """See which alternatives came with an answer that has just ended, and what it took."""
    if view.conversation_id is None or view.generation is None:
        return
    with contextlib.suppress(StoreError):
        if isinstance(view.generation, Generation):
            view.generation.wait_until_saved(STOP_TIMEOUT)  # its end is written by another thread
            if len(view.generation.node_ids) > 1:
                view.siblings = tree.siblings(
                    services.current_store().messages.nodes(owner, view.conversation_id)
                )
        view.usage_by_node = services.current_store().usage.totals_by_answer(owner, view.conversation_id)


def mark_read(owner: str, view: ConversationView) -> None:
    """Remember that the owner has seen the answer that has just been painted to its end."""
    if view.conversation_id and view.generation and not session_state.temporary_store:
        with contextlib.suppress(StoreError):
            resources.store().conversations.mark_read(owner, view.conversation_id)


def query_params() -> dict[str, str]:
    """What keeps the shown conversation in the URL from page to page."""
    return {"c": conversation} if (conversation := st.query_params.get("c")) else {}
