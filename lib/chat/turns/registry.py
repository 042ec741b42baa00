"""The registry of this process's running answers, and those of other processes followed through the store."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from lib.chat.turns.generation import STALE_AFTER, STOP_WITHIN, Answer, Snapshot
from lib.chat.turns.ports import Keeper
from lib.core import errors
from lib.core.conversation import Node, Outcome

log = logging.getLogger(__name__)


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
    """The registry of this process's running answers: at most one in a conversation.

    `ended` is given each answer that leaves it, which has then ended, and is in the store where that allows.
    """

    def __init__(self, ended: Callable[[Answer], None] = lambda _: None) -> None:
        self._changed = threading.Condition()
        self._running: dict[str, Answer | None] = {}
        self._ended = ended
        self._closing = False

    def __len__(self) -> int:
        return len(self._running)

    def find(self, owner: str, conversation: str) -> Answer | None:
        """The answer now arriving there; None where there is none, or where it is another's."""
        with self._changed:
            answer = self._running.get(conversation)
        return answer if answer is not None and answer.owner == owner else None

    def stop_all(self, owner: str) -> None:
        """End every answer of this owner."""
        for answer in self._arriving():
            if answer.owner == owner:
                answer.stop()

    @property
    def closing(self) -> bool:
        """Whether no new turn is taken, because the process was told to stop."""
        return self._closing

    def close(self) -> None:
        """Take no new turn from now on; what runs goes on."""
        self._closing = True

    def drain(self, timeout: float) -> int:
        """Wait until no answer runs, for `timeout` seconds, then interrupt the rest; returns how many.

        They are saved with what they have, unless the database is away. Call close() first.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout)
        left = self._arriving()
        for answer in left:
            answer.interrupt()
        for answer in left:
            try:
                answer.stop()
            except errors.StoreError:
                log.warning("an interrupted answer could not be saved", exc_info=True)
        return len(left)

    @contextlib.contextmanager
    def turn(self, conversation: str) -> Iterator[None]:
        """Keep a conversation for one turn, while its path is read and its answer is put here.

        Raises StaleTurn where a turn is under way or an answer is arriving already, and Closing where the
        process was told to stop. The place is given up where the turn fails, or brings no answer.
        """
        with self._changed:
            last = self._running.get(conversation)
        if last is not None:
            last.leaving(STOP_WITHIN)
        with self._changed:
            if self._closing:
                raise errors.Closing
            if conversation in self._running:
                raise errors.StaleTurn
            self._running[conversation] = None
        try:
            yield
        except BaseException:
            self._give_up(conversation)
            raise
        with self._changed:
            if self._running.get(conversation, conversation) is None:
                self._give_up(conversation)

    def put(self, answer: Answer) -> None:
        """Make `answer` the one of its conversation, inside its turn."""
        with self._changed:
            self._running[answer.conversation] = answer

    def leave(self, answer: Answer) -> None:
        with self._changed:
            if self._running.get(answer.conversation) is not answer:
                return
            self._give_up(answer.conversation)
        self._ended(answer)

    def _give_up(self, conversation: str) -> None:
        with self._changed:
            self._running.pop(conversation, None)
            self._changed.notify_all()

    def _arriving(self) -> list[Answer]:
        with self._changed:
            return [answer for answer in self._running.values() if answer is not None]
