"""The open conversation of a session: path, visible range, running generation."""

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

PAGE_SIZE = 30  # messages rendered when a conversation is opened, and added by each "show earlier"


def current_view() -> ConversationView:
    """Return the view of the session."""
    return session_state.view


def open_conversation(owner: str) -> ConversationView:
    """Return the view of the conversation that the URL names, loading it if it is not shown yet.

    An unknown conversation, or one of another owner, opens as a new one. Without one in the URL, the view is
    the temporary chat if there is one; that ends when a conversation is opened. Raises StoreError.
    """
    resources.purge_expired()
    if url_id := st.query_params.get("c"):
        services.end_temporary()
    temporary_store = session_state.temporary_store
    conversation_id = temporary_store.current_conversation_id if temporary_store else url_id
    # Before the rows are read: an answer leaves the registry after its end is stored, so an answer that is
    # not in the registry is read complete.
    generation = resources.generations().find(owner, conversation_id) if conversation_id else None
    stored = services.current_store().conversations.get(owner, conversation_id) if conversation_id else None
    if stored is None:
        st.query_params.pop("c", None)
    elif stored.unread:
        with contextlib.suppress(StoreError):
            resources.store().conversations.mark_read(owner, stored.id)
        stored = replace(stored, unread=False)
    view = current_view()
    is_outdated = bool(view.nodes) and view.nodes[-1].arriving and generation is None
    if view.conversation != stored or is_outdated:
        view = _load_view(owner, stored)
    view.generation = _find_generation(owner, view, generation)
    return view


def _find_generation(
    owner: str, view: ConversationView, generation: Generation | None
) -> Generation | RemoteGeneration | None:
    """Return the generation of the last node: in this process, in another one, or None."""
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
    """Make `conversation` the open one, with its path as it is stored."""
    previous = current_view()
    stored_nodes = services.current_store().messages.nodes(owner, conversation.id) if conversation else []
    nodes = tree.path(stored_nodes, conversation.head_id) if conversation else []
    start = max(0, len(nodes) - PAGE_SIZE)
    if conversation and previous.conversation_id == conversation.id and previous.end is None:
        start = min(previous.start, start)
    usage = services.current_store().usage.totals_by_answer(owner, conversation.id) if conversation else {}
    session_state.view = ConversationView(conversation, nodes, tree.siblings(stored_nodes), usage, start)
    return session_state.view


def refresh_after_answer(owner: str, view: ConversationView) -> None:
    """Load the alternatives and the usage of an answer that has just ended."""
    if view.conversation_id is None or view.generation is None:
        return
    with contextlib.suppress(StoreError):
        if isinstance(view.generation, Generation):
            view.generation.wait_until_saved(STOP_TIMEOUT)  # by the worker thread
            if len(view.generation.node_ids) > 1:
                view.siblings = tree.siblings(services.current_store().messages.nodes(owner, view.conversation_id))
        view.usage_by_node = services.current_store().usage.totals_by_answer(owner, view.conversation_id)


def mark_read(owner: str, view: ConversationView) -> None:
    """Record that the owner has seen the answer that has just ended."""
    if view.conversation_id and view.generation and not session_state.temporary_store:
        with contextlib.suppress(StoreError):
            resources.store().conversations.mark_read(owner, view.conversation_id)


def query_params() -> dict[str, str]:
    """Return the query parameters that keep the open conversation in the URL of another page."""
    return {"c": conversation} if (conversation := st.query_params.get("c")) else {}
