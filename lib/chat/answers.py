"""The registry of this process's running answers, and those of other processes followed through the store."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from lib.chat.answer import STALE_AFTER, STOP_WITHIN, Answer, Keeper, Snapshot
from lib.core import errors
from lib.core.types import Node, Outcome


class Elsewhere:
    """An answer that another process produces, or did before it died: followed through the store."""

    def __init__(self, owner: str, conversation: str, node: Node, keeper: Keeper) -> None:
        self.owner = owner
        self.conversation = conversation
        self._node = node
        self._keeper = keeper
        self._version = 0

    def wait(self, version: int, timeout: float, node: str = "") -> Snapshot:
        """As Answer.wait, of this one node; the store is asked once a call, so `timeout` is the pace."""
        if version >= self._version:
            time.sleep(timeout)
            self._keeper.sweep(STALE_AFTER)
            found = self._keeper.node(self.owner, self._node.id)
            found = found or replace(self._node, outcome=Outcome.INTERRUPTED)
            if found != self._node:
                self._node = found
                self._version += 1
        return Snapshot(self._version, self._node, 0.0, 0.0)

    def stop(self) -> None:
        """Mark the row as stopped: its producer looks at it with every checkpoint."""
        self._keeper.stop(self.owner, self._node.id)


class Answers:
    """The registry of this process's running answers: at most one in a conversation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Answer | None] = {}

    def find(self, owner: str, conversation: str) -> Answer | None:
        """The answer now arriving there; None where there is none, or where it is another's."""
        with self._lock:
            answer = self._running.get(conversation)
        return answer if answer is not None and answer.owner == owner else None

    def stop_all(self, owner: str) -> None:
        """End every answer of this owner."""
        with self._lock:
            mine = [one for one in self._running.values() if one is not None and one.owner == owner]
        for answer in mine:
            answer.stop()

    @contextlib.contextmanager
    def turn(self, conversation: str) -> Iterator[None]:
        """Keep a conversation for one turn, while its path is read and its answer is put here.

        Raises StaleTurn where a turn is under way or an answer is arriving already. The place is given
        up where the turn fails, or brings no answer.
        """
        with self._lock:
            last = self._running.get(conversation)
        if last is not None:
            last.leaving(STOP_WITHIN)
        with self._lock:
            if conversation in self._running:
                raise errors.StaleTurn
            self._running[conversation] = None
        try:
            yield
        except BaseException:
            with self._lock:
                self._running.pop(conversation, None)
            raise
        with self._lock:
            if self._running.get(conversation, conversation) is None:
                del self._running[conversation]

    def put(self, answer: Answer) -> None:
        """Make `answer` the one of its conversation, inside its turn."""
        with self._lock:
            self._running[answer.conversation] = answer

    def leave(self, answer: Answer) -> None:
        with self._lock:
            if self._running.get(answer.conversation) is answer:
                del self._running[answer.conversation]
