"""The registry of this process's running answers, and those of other processes followed through the store."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from lib.chat.turns.generation import STALE_AFTER, STOP_TIMEOUT, Generation, GenerationSnapshot
from lib.chat.turns.ports import AnswerStore
from lib.core import errors
from lib.core.conversation import Node, Outcome

log = logging.getLogger(__name__)


class RemoteGeneration:
    """An answer that another process produces, or did before it died: followed through the store."""

    def __init__(self, owner: str, conversation_id: str, node: Node, store: AnswerStore) -> None:
        self.owner = owner
        self.conversation_id = conversation_id
        self._node = node
        self._store = store
        self._version = 0

    def wait(self, version: int, timeout: float, node_id: str = "") -> GenerationSnapshot:
        """As Answer.wait, of this one node; the store is asked once a call, so `timeout` is the pace."""
        if version >= self._version:
            time.sleep(timeout)
            self._store.mark_stale(STALE_AFTER)
            found = self._store.node(self.owner, self._node.id)
            found = found or replace(self._node, outcome=Outcome.INTERRUPTED)
            if found != self._node:
                self._node = found
                self._version += 1
        return GenerationSnapshot(self._version, self._node, 0.0, 0.0)

    def stop(self) -> None:
        """Mark the row as stopped: its producer looks at it with every checkpoint."""
        self._store.mark_stopped(self.owner, self._node.id)


class GenerationRegistry:
    """The registry of this process's running answers: at most one in a conversation.

    `ended` is given each answer that leaves it, which has then ended, and is in the store where that allows.
    """

    def __init__(self, on_finished: Callable[[Generation], None] = lambda _: None) -> None:
        self._condition = threading.Condition()
        self._generations: dict[str, Generation | None] = {}
        self._on_finished = on_finished
        self._is_shutting_down = False

    def __len__(self) -> int:
        return len(self._generations)

    def find(self, owner: str, conversation_id: str) -> Generation | None:
        """The answer now arriving there; None where there is none, or where it is another's."""
        with self._condition:
            answer = self._generations.get(conversation_id)
        return answer if answer is not None and answer.owner == owner else None

    def stop_all(self, owner: str) -> None:
        """End every answer of this owner."""
        for answer in self._active_generations():
            if answer.owner == owner:
                answer.stop()

    @property
    def is_shutting_down(self) -> bool:
        """Whether no new turn is taken, because the process was told to stop."""
        return self._is_shutting_down

    def begin_shutdown(self) -> None:
        """Take no new turn from now on; what runs goes on."""
        self._is_shutting_down = True

    def drain(self, timeout: float) -> int:
        """Wait until no answer runs, for `timeout` seconds, then interrupt the rest; returns how many.

        They are saved with what they have, unless the database is away. Call close() first.
        """
        with self._condition:
            self._condition.wait_for(lambda: not self._generations, timeout)
        left = self._active_generations()
        for answer in left:
            answer.interrupt()
        for answer in left:
            try:
                answer.stop()
            except errors.StoreError:
                log.warning("an interrupted answer could not be saved", exc_info=True)
        return len(left)

    @contextlib.contextmanager
    def claim_turn(self, conversation_id: str) -> Iterator[None]:
        """Keep a conversation for one turn, while its path is read and its answer is put here.

        Raises StaleTurn where a turn is under way or an answer is arriving already, and Closing where the
        process was told to stop. The place is given up where the turn fails, or brings no answer.
        """
        with self._condition:
            last = self._generations.get(conversation_id)
        if last is not None:
            last.wait_until_saved(STOP_TIMEOUT)
        with self._condition:
            if self._is_shutting_down:
                raise errors.ShuttingDown
            if conversation_id in self._generations:
                raise errors.TurnInProgress
            self._generations[conversation_id] = None
        try:
            yield
        except BaseException:
            self._release_turn(conversation_id)
            raise
        with self._condition:
            if self._generations.get(conversation_id, conversation_id) is None:
                self._release_turn(conversation_id)

    def register(self, generation: Generation) -> None:
        """Make `answer` the one of its conversation, inside its turn."""
        with self._condition:
            self._generations[generation.conversation_id] = generation

    def unregister(self, generation: Generation) -> None:
        with self._condition:
            if self._generations.get(generation.conversation_id) is not generation:
                return
            self._release_turn(generation.conversation_id)
        self._on_finished(generation)

    def _release_turn(self, conversation_id: str) -> None:
        with self._condition:
            self._generations.pop(conversation_id, None)
            self._condition.notify_all()

    def _active_generations(self) -> list[Generation]:
        with self._condition:
            return [answer for answer in self._generations.values() if answer is not None]
