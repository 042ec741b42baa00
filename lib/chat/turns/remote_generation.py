"""Generations of other processes, followed through the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from lib.chat.turns.checkpoints import CHECKPOINT_INTERVAL
from lib.chat.turns.generation import STALE_AFTER, GenerationSnapshot, Growth
from lib.chat.turns.ports import MessageStore
from lib.core.checkpoints import ArrivalState, SavedChanges, apply_changes
from lib.core.conversation import Node, Outcome
from lib.core.reply import ReplyCursor

POLL_INTERVAL = CHECKPOINT_INTERVAL  # seconds between two looks at an answer of another process


def sweep_now(store: MessageStore, produced_ids: Collection[str] = ()) -> None:
    """Let a store end the answers whose producers are gone; `produced_ids` are the answers of this process."""
    store.mark_stale(STALE_AFTER, produced_ids)


class RemoteGeneration:
    """An answer that another process produces, or did before it died. All methods are thread-safe.

    It reads what is new since its last look, and what comes at the end of the answer reaches its followers as that.
    """

    def __init__(
        self,
        owner: str,
        conversation_id: str,
        node: Node,
        store: MessageStore,
        sweep: Callable[[MessageStore], None] | None = None,
    ) -> None:
        """`sweep` lets the store end the answers whose producers are gone, by default at every look."""
        self.owner = owner
        self.conversation_id = conversation_id
        self._node = node
        self._store = store
        self._sweep = sweep or sweep_now
        self._version = 0
        self._state: ArrivalState | None = None
        self._structure = 0  # counts changes of all but the end of the last part
        self._tail: list[str] = []  # what has come at that end since the last such change
        self._next_poll_at = 0.0
        self._lock = threading.Lock()

    def wait(self, version: int, timeout: float, node_id: str = "") -> GenerationSnapshot:
        """As `Generation.wait`, for this one node; asks the store no more often than it gets checkpoints."""
        if version >= self._version:
            time.sleep(max(0.0, min(timeout, self._next_poll_at - time.monotonic())))
            with self._lock:
                if time.monotonic() >= self._next_poll_at:
                    self._poll()
        with self._lock:
            return GenerationSnapshot(self._version, self._read_since, not self._node.arriving, 0.0, 0.0)

    def _poll(self) -> None:
        """Read what is new."""
        self._next_poll_at = time.monotonic() + POLL_INTERVAL
        self._sweep(self._store)
        arrival = self._store.arrival(self.owner, self._node.id, self._state)
        if arrival is None:
            self._state = None
            self._replace(replace(self._node, outcome=Outcome.INTERRUPTED))
            return
        if arrival.node is not None:
            self._replace(arrival.node)
        for changes in arrival.changes:
            self._apply(changes)
        self._state = arrival.state

    def _replace(self, node: Node) -> None:
        if node != self._node:
            self._node = node
            self._note_change(None)

    def _apply(self, changes: SavedChanges) -> None:
        growth, known = changes.find_growth(self._node), self._node.provider_metadata.keys()
        self._node = apply_changes(self._node, changes)
        # The page shows some metadata; the usage, which may come with each change, is none of it.
        has_new_metadata = bool(self._node.provider_metadata.keys() - known - {"usage"})
        self._note_change(None if has_new_metadata else growth)

    def _note_change(self, growth: str | None) -> None:
        """Count a change; `growth` is what has come at the end of the last part, None for any other change."""
        self._version += 1
        if growth is None:
            self._structure, self._tail = self._structure + 1, []
        elif growth:
            self._tail.append(growth)

    def _read_since(self, cursor: ReplyCursor) -> Growth:
        with self._lock:
            here = ReplyCursor(self._structure, len(self._tail))
            if cursor.structure == self._structure and self._node.arriving:
                return Growth(here, "".join(self._tail[cursor.length :]))
            return Growth(here, node=self._node)

    def stop(self) -> None:
        """Mark the row as stopped: its process reads it at every heartbeat."""
        self._store.mark_stopped(self.owner, self._node.id)
        self._next_poll_at = 0.0
