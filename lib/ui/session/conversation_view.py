"""What a session shows of its conversation: the path, a window of it, and who produces its end."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace

import streamlit as st

from lib.chat.turns.generation import STOP_WITHIN, Answer
from lib.chat.turns.registry import Elsewhere
from lib.core import tree
from lib.core.conversation import Conversation, Node
from lib.core.errors import StoreError
from lib.core.usage import Spent
from lib.ui.session import resources

WINDOW = 30  # messages painted when a conversation is opened, and more with each "show earlier"


@dataclass
class View:
    """What a session remembers of the conversation it shows: None is a new one, not yet begun.

    `nodes` is the shown path, read from the store when the conversation is opened, and kept up by the
    session while it works with it. `first` pins the window: a sliding one would repaint every message.
    `end` is where it ends before the path does, after a jump to what stands far above; else None.
    `answer` produces the last node, which is then painted as it comes. `siblings` are the ids of the
    alternatives of each node that has any, itself among them. `sums` are what the answers took, by id.
    """

    conversation: Conversation | None = None
    nodes: list[Node] = field(default_factory=list)
    siblings: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[str, Spent] = field(default_factory=dict)
    first: int = 0
    end: int | None = None
    answer: Answer | Elsewhere | None = None

    @property
    def id(self) -> str | None:
        return self.conversation.id if self.conversation else None


def view() -> View:
    """This session's view."""
    found: View = st.session_state.setdefault("view", View())
    return found


def opened(owner: str) -> View:
    """The view of the conversation that the URL names, read from the store where it is not shown yet.

    What is not there, or not the owner's, opens as a new conversation. Without a name in the URL it may be
    the temporary one, which ends where another is opened.
    """
    resources.purged()
    if named := st.query_params.get("c"):
        resources.end_temporary()
    kept = resources.scratch()
    wanted = kept.current if kept else named
    # Asked before the rows are read: an answer leaves the registry when its end is in the store, so
    # what is not found here is read as it ended.
    answer = resources.answers().find(owner, wanted) if wanted else None
    fresh = resources.keeper().conversation(owner, wanted) if wanted else None
    if fresh is None:
        st.query_params.pop("c", None)
    elif fresh.unread:
        with contextlib.suppress(StoreError):
            resources.store().seen(owner, fresh.id)
        fresh = replace(fresh, unread=False)
    shown = view()
    lost = bool(shown.nodes) and shown.nodes[-1].arriving and answer is None
    if shown.conversation != fresh or lost:
        shown = _show(owner, fresh)
    shown.answer = _attached(owner, shown, answer)
    return shown


def _attached(owner: str, shown: View, answer: Answer | None) -> Answer | Elsewhere | None:
    """What produces the last node of the view: this process, another one, or nobody."""
    if not shown.nodes or shown.id is None:
        return None
    last = shown.nodes[-1]
    if answer is not None and last.id in answer.ids:
        return answer
    return Elsewhere(owner, shown.id, last, resources.keeper()) if last.arriving else None


def _show(owner: str, conversation: Conversation | None) -> View:
    """Make `conversation` the one that this session shows, with its path as it stands in the store."""
    before = view()
    known = resources.keeper().nodes(owner, conversation.id) if conversation else []
    nodes = tree.path(known, conversation.head) if conversation else []
    first = max(0, len(nodes) - WINDOW)
    if conversation and before.id == conversation.id and before.end is None:
        first = min(before.first, first)
    sums = resources.keeper().sums(owner, conversation.id) if conversation else {}
    st.session_state["view"] = now = View(conversation, nodes, tree.siblings(known), sums, first)
    return now


def look_around(owner: str, shown: View) -> None:
    """See which alternatives came with an answer that has just ended, and what it took."""
    if shown.id is None or shown.answer is None:
        return
    with contextlib.suppress(StoreError):
        if isinstance(shown.answer, Answer):
            shown.answer.leaving(STOP_WITHIN)  # its end is written by another thread
            if len(shown.answer.ids) > 1:
                shown.siblings = tree.siblings(resources.keeper().nodes(owner, shown.id))
        shown.sums = resources.keeper().sums(owner, shown.id)


def read_to_its_end(owner: str, shown: View) -> None:
    """Remember that the owner has seen the answer that has just been painted to its end."""
    if shown.id and shown.answer and not resources.scratch():
        with contextlib.suppress(StoreError):
            resources.store().seen(owner, shown.id)


def here() -> dict[str, str]:
    """What keeps the shown conversation in the URL from page to page."""
    return {"c": conversation} if (conversation := st.query_params.get("c")) else {}
