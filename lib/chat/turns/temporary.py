"""The keeper of a temporary chat: one session's memory, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lib.core.conversation import Conversation, Node, Outcome, Window
from lib.core.params import Params
from lib.core.usage import Spend, Spent, spent


class Book(Protocol):
    """Where it is counted what requests took; may raise StoreError."""

    def spend(self, owner: str, *spends: Spend) -> None: ...


@dataclass(frozen=True)
class _Row:
    conversation: str
    node: Node
    beat: float


class Scratch:
    """Keeps one person's temporary chat, with the face of a turn's store. Any thread may call any method.

    What it keeps is gone with `forget`, or with the session. An answer that is arriving then finds its row
    missing at its next checkpoint, and ends. What its requests took is written into the `book`, without a
    word of what they were about.
    """

    def __init__(self, owner: str, book: Book) -> None:
        self._owner = owner
        self._book = book
        self._spends: dict[str, Spend] = {}
        self._lock = threading.RLock()
        self._conversations: dict[str, Conversation] = {}
        self._rows: dict[str, _Row] = {}

    def forget(self) -> None:
        """Let go of all that is kept."""
        with self._lock:
            self._conversations.clear()
            self._rows.clear()
            self._spends.clear()

    @property
    def current(self) -> str | None:
        """The id of the chat, None while it has not begun."""
        with self._lock:
            return next(iter(self._conversations), None)

    def conversation(self, owner: str, conversation: str) -> Conversation | None:
        with self._lock:
            return self._conversations.get(conversation) if owner == self._owner else None

    def nodes(self, owner: str, conversation: str) -> list[Node]:
        """All nodes of a conversation, of every branch, oldest first."""
        with self._lock:
            if self.conversation(owner, conversation) is None:
                return []
            found = [row.node for row in self._rows.values() if row.conversation == conversation]
        return sorted(found, key=lambda node: (node.created, node.id))

    def node(self, owner: str, node: str) -> Node | None:
        with self._lock:
            row = self._rows.get(node) if owner == self._owner else None
        return row.node if row else None

    def begin(self, owner: str, conversation: Conversation, nodes: Sequence[Node]) -> None:
        """Keep new nodes and the conversation as it now is, which may be new."""
        if owner != self._owner:
            return
        with self._lock:
            self._conversations.setdefault(
                conversation.id, replace(conversation, created=conversation.updated)
            )
            self._change(
                owner,
                conversation.id,
                head=conversation.head,
                target=conversation.target,
                params=conversation.params,
                updated=conversation.updated,
            )
            for node in nodes:
                self._rows[node.id] = _Row(conversation.id, node, time.monotonic())

    def reopen(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Keep that an answer is arriving again, and the conversation as it now is."""
        with self._lock:
            self._grow(owner, node, outcome=node.outcome, failure=None, request=node.request)
            self._change(
                owner,
                conversation.id,
                head=conversation.head,
                params=conversation.params,
                updated=conversation.updated,
            )

    def add(self, owner: str, conversation: str, node: Node) -> None:
        """Keep one more node of a conversation, where that is (still) there."""
        with self._lock:
            if self.conversation(owner, conversation):
                self._rows.setdefault(node.id, _Row(conversation, node, time.monotonic()))

    def show(self, owner: str, conversation: str, head: str | None) -> None:
        """Make the branch that ends in this node the one that is shown."""
        self._change(owner, conversation, head=head)

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Keep what has come of an arriving answer; returns the row's outcome, None where the row is gone."""
        with self._lock:
            known = self.node(owner, node.id)
            if known and known.arriving:
                self._grow(owner, node)
            return known.outcome if known else None

    def settle(self, owner: str, node: Node, spends: Sequence[Spend] = ()) -> None:
        """Keep an answer as it ended, and count what its requests took. Raises StoreError."""
        self._grow(owner, node, outcome=node.outcome, request_id=node.request_id, failure=node.failure)
        self.spend(owner, *spends)

    def stop(self, owner: str, node: str) -> None:
        """Mark an answer as stopped if it is still arriving."""
        with self._lock:
            known = self.node(owner, node)
            if known and known.arriving:
                self._grow(owner, known, outcome=Outcome.STOPPED)

    def sweep(self, stale: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted; returns how many."""
        with self._lock:
            lost = [
                row.node
                for row in self._rows.values()
                if row.node.arriving and row.beat < time.monotonic() - stale
            ]
            for node in lost:
                self._grow(self._owner, node, outcome=Outcome.INTERRUPTED)
        return len(lost)

    def set_params(self, owner: str, conversation: str, params: Params) -> None:
        self._change(owner, conversation, params=params)

    def keep_window(self, owner: str, conversation: str, window: Window | None) -> None:
        self._change(owner, conversation, window=window)

    def entitle(self, owner: str, conversation: str, title: str) -> None:
        """Give the chat a model's title, where its own is still the question's."""
        with self._lock:
            known = self.conversation(owner, conversation)
            if known and known.titled == "question":
                self._change(owner, conversation, title=title, titled="model")

    def spend(self, owner: str, *spends: Spend) -> None:
        """Count what one question took, with nothing that leads back to the chat. Raises StoreError."""
        if not spends:
            return
        bare = [replace(spend, conversation=None, node=None, request_id="") for spend in spends]
        self._book.spend(owner, *bare)
        with self._lock:
            for spend in spends:
                if spend.conversation and self.conversation(owner, spend.conversation):
                    self._spends[spend.id] = spend

    def sums(self, owner: str, conversation: str) -> dict[str, Spent]:
        """What each answer took, by its id; "" is what was for no answer."""
        found: dict[str, Spent] = {}
        with self._lock:
            mine = list(self._spends.values()) if self.conversation(owner, conversation) else []
        for spend in mine:
            name = spend.node or ""
            found[name] = found.get(name, Spent()) + spent(spend)
        return found

    def hide(self, owner: str, conversation: str, nodes: Iterable[str], when: float | None) -> None:
        """Mark nodes as deleted at a time, or bring them back."""
        with self._lock:
            for id_ in nodes:
                row = self._rows.get(id_)
                if row and row.conversation == conversation and owner == self._owner:
                    self._rows[id_] = replace(row, node=replace(row.node, deleted=when))
            self._change(owner, conversation)

    def _change(self, owner: str, conversation: str, **values: Any) -> None:
        with self._lock:
            if known := self.conversation(owner, conversation):
                self._conversations[conversation] = replace(known, rev=known.rev + 1, **values)

    def _grow(self, owner: str, node: Node, **more: Any) -> None:
        """What changes of a node while it comes, and its sign of life."""
        with self._lock:
            row = self._rows.get(node.id)
            if row and owner == self._owner:
                grown = replace(
                    row.node,
                    message=node.message,
                    usage=node.usage,
                    timing=node.timing,
                    reason=node.reason,
                    served=node.served,
                    **more,
                )
                self._rows[node.id] = _Row(row.conversation, grown, time.monotonic())
