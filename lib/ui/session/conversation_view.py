"""The open conversation of a session: path, visible range, running generation."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from lib.chat.turns.generation import STOP_TIMEOUT, Generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core import tree
from lib.core.conversation import Conversation, Node
from lib.core.errors import StoreError
from lib.core.projects import folder_key
from lib.core.question_queue import QuestionQueue
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView

PAGE_SIZE = 30  # messages rendered when a conversation is opened, and added by each "show earlier"

FOLDER_PARAMETER = "folder"  # of the URL of a new conversation in a folder
_NEW_CHAT = "new"
_MAX_DRAFT_MOVES = 20  # that the browser is told
QUEUE_CHECK_INTERVAL = 1.0  # seconds between two looks at the queue of the followed conversation


def current_view() -> ConversationView:
    """Return the view of the session."""
    return session_state.view


def open_conversation(owner: str) -> ConversationView:
    """Return the view of the conversation that the URL names, loading it if it is not shown yet.

    An unknown conversation, or one of another owner, opens as a new one that `is_missing`, in the folder that the URL
    names. Without either, the view is the temporary chat if there is one; that ends when one is opened. Raises
    StoreError.
    """
    resources.purge_expired()
    url_id, url_folder = st.query_params.get("c"), st.query_params.get(FOLDER_PARAMETER, "")
    if url_id or url_folder:
        services.end_temporary()
    temporary_store = session_state.temporary_store
    conversation_id = temporary_store.current_conversation_id if temporary_store else url_id
    # Before the messages are read: a question leaves the queue in the transaction that stores its message, so that one
    # which waits no more is read as a message.
    waiting = load_queue(owner, conversation_id)
    # In the same way, an answer leaves the registry after its end is stored: one that is not in it is read complete.
    generation = resources.generations().find(owner, conversation_id) if conversation_id else None
    stored = services.current_store().conversations.get(owner, conversation_id) if conversation_id else None
    if stored and stored.comparison_id:
        stored = None  # only the comparison shows it, which may be blind
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
    view.queue = _without_sent(waiting, view)
    view.is_missing = bool(url_id) and stored is None
    _load_project(owner, view, url_folder)
    return view


def _load_project(owner: str, view: ConversationView, url_folder: str) -> None:
    """Read the folder of the view as it is now."""
    name = view.conversation.folder if view.conversation else url_folder
    view.project = resources.store().projects.get(owner, name) if name else None
    view.missing_folder = url_folder if view.conversation is None and view.project is None else ""
    if not view.new_folder:
        st.query_params.pop(FOLDER_PARAMETER, None)


def new_chat_slot(folder: str) -> str:
    """Return the name of the draft of a new conversation in a folder, "" for none."""
    return f"{_NEW_CHAT}.{folder_key(folder)}" if folder else _NEW_CHAT


def is_new_chat_slot(slot: str) -> bool:
    return slot == _NEW_CHAT or slot.startswith(f"{_NEW_CHAT}.")


def draft_slot() -> str:
    """Return the name of the draft that belongs to the open conversation."""
    if session_state.temporary_store:
        return services.TEMPORARY_SLOT
    view = current_view()
    return view.conversation_id or new_chat_slot(view.new_folder)


def follow_slot(slot: str) -> str:
    """Return the slot that a draft belongs to by now: a new chat may have become the open conversation."""
    current = draft_slot()
    is_followed = is_new_chat_slot(slot) and ("stored", current, slot) in session_state.submission_results.values()
    return current if is_followed else slot


def move_draft(folder: str, new_folder: str) -> None:
    """Let the browser move the draft of a new conversation, after its folder was renamed, left or deleted."""
    slots = new_chat_slot(folder), new_chat_slot(new_folder)
    trays = session_state.trays
    if moved := trays.get(slots[0]):
        session_state.trays = {**trays, slots[0]: (), slots[1]: (*trays.get(slots[1], ()), *moved)}
    session_state.draft_moves = [*session_state.draft_moves, (secrets.token_hex(8), *slots)][-_MAX_DRAFT_MOVES:]


def load_queue(owner: str, conversation_id: str | None) -> QuestionQueue:
    """Return the questions that wait in a conversation, none in a new one (None). Raises StoreError."""
    return services.current_store().queue.load(owner, conversation_id) if conversation_id else QuestionQueue()


def _without_sent(waiting: QuestionQueue, view: ConversationView) -> QuestionQueue:
    """Return a queue without the questions that are messages by now; an empty one for a new conversation."""
    if view.conversation_id is None:
        return QuestionQueue()
    sent = {node.id for node in view.nodes}
    questions = tuple(question for question in waiting.questions if question.id not in sent)
    return replace(waiting, questions=questions) if questions else QuestionQueue()


def check_queue() -> None:
    """Rerun if another tab has changed the queue, on any server, while this one follows an answer."""
    view, user = current_view(), session_state.user
    if user is None or time.monotonic() - view.queue_checked_at < QUEUE_CHECK_INTERVAL:
        return
    view.queue_checked_at = time.monotonic()
    with contextlib.suppress(StoreError):
        current = load_queue(user.id, view.conversation_id)
        if current != view.queue and not current.is_handing_over:
            st.rerun()


def _find_generation(
    owner: str, view: ConversationView, generation: Generation | None
) -> Generation | RemoteGeneration | None:
    """Return the generation of the last node: in this process, in another one, or None."""
    if not view.nodes or view.conversation_id is None:
        return None
    last = view.nodes[-1]
    if generation is not None and last.id in generation.node_ids:
        return generation
    if not last.arriving:
        return None
    messages, registry = services.current_store().messages, resources.generations()
    return RemoteGeneration(owner, view.conversation_id, last, messages, registry.sweep)


def _load_view(owner: str, conversation: Conversation | None) -> ConversationView:
    """Make `conversation` the open one, with its path as it is stored."""
    previous = current_view()
    stored_nodes = services.current_store().messages.nodes(owner, conversation.id) if conversation else []
    nodes = tree.path(stored_nodes, conversation.head_id) if conversation else []
    start = max(0, len(nodes) - PAGE_SIZE)
    if conversation and previous.conversation_id == conversation.id and previous.end is None:
        start = min(previous.start, start)
    usage = services.current_store().usage.totals_by_answer(owner, conversation.id) if conversation else {}
    session_state.view = view = ConversationView(conversation, nodes, usage_by_node=usage, start=start)
    _set_siblings(view, stored_nodes)
    return view


def _set_siblings(view: ConversationView, stored_nodes: Sequence[Node]) -> None:
    view.siblings = tree.siblings(stored_nodes)
    view.sibling_targets = {node.id: node.target for node in stored_nodes if node.id in view.siblings}


def refresh_after_answer(owner: str, view: ConversationView) -> None:
    """Load the alternatives and the usage of an answer that has just ended."""
    if view.conversation_id is None or view.generation is None:
        return
    with contextlib.suppress(StoreError):
        if isinstance(view.generation, Generation):
            view.generation.wait_until_saved(STOP_TIMEOUT)  # by the worker thread
            if len(view.generation.node_ids) > 1:
                _set_siblings(view, services.current_store().messages.nodes(owner, view.conversation_id))
        view.usage_by_node = services.current_store().usage.totals_by_answer(owner, view.conversation_id)


def mark_read(owner: str, view: ConversationView) -> None:
    """Record that the owner has seen the answer that has just ended, whose end marks it as unread when it is saved."""
    if not (view.conversation_id and view.generation) or session_state.temporary_store:
        return
    conversations, conversation_id = resources.store().conversations, view.conversation_id

    def mark() -> None:
        with contextlib.suppress(StoreError):
            conversations.mark_read(owner, conversation_id)

    if isinstance(view.generation, Generation):
        view.generation.call_when_saved(mark)
    else:
        mark()


def query_params() -> dict[str, str]:
    """Return the query parameters that keep the open conversation in the URL of another page, or a new one's folder."""
    names = ("c", FOLDER_PARAMETER)
    return next(({name: value} for name in names if (value := st.query_params.get(name))), {})
