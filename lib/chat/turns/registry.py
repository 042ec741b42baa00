"""The registry of running generations."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

from lib.chat.turns.generation import STOP_TIMEOUT, Generation
from lib.chat.turns.ports import MessageStore
from lib.chat.turns.remote_generation import sweep_now
from lib.chat.usage.recorder import RequestOutcome
from lib.core import errors

log = logging.getLogger(__name__)

SWEEP_INTERVAL = 3.0  # seconds between two sweeps of a process


class GenerationRegistry:
    """The running generations of this process, at most one per conversation.

    `on_request_finished` is called with the outcome of each generation when it leaves the registry.
    """

    def __init__(self, on_request_finished: Callable[[RequestOutcome], None] = lambda _: None) -> None:
        self._condition = threading.Condition()
        self._generations: dict[str, Generation | None] = {}
        self._followers: Counter[str] = Counter()  # pages by owner
        self._follower_count = 0
        self._on_request_finished = on_request_finished
        self._is_shutting_down = False
        self._next_sweeps: WeakKeyDictionary[MessageStore, float] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._generations)

    def find(self, owner: str, conversation_id: str) -> Generation | None:
        """Return the generation running in a conversation; None without one, and for another owner."""
        with self._condition:
            generation = self._generations.get(conversation_id)
        return generation if generation is not None and generation.owner == owner else None

    def sweep(self, store: MessageStore) -> None:
        """Let a store end the answers whose producers are gone, once in SWEEP_INTERVAL seconds for all pages."""
        with self._condition:
            now = time.monotonic()
            if now < self._next_sweeps.get(store, 0.0):
                return
            self._next_sweeps[store] = now + SWEEP_INTERVAL
        sweep_now(store, self.list_produced_ids())

    def list_produced_ids(self) -> list[str]:
        """Return the ids of the answers that this process produces."""
        return [node_id for generation in self._active_generations() for node_id in generation.node_ids]

    @contextlib.contextmanager
    def follow(self, owner: str) -> Iterator[Callable[[], int]]:
        """Count a page of an owner that follows an answer; yields a function for the number of the owner's pages."""
        with self._condition:
            self._followers[owner] += 1
            self._follower_count += 1
        try:
            yield lambda: self._followers[owner]
        finally:
            with self._condition:
                self._followers[owner] -= 1
                self._follower_count -= 1
                if not self._followers[owner]:
                    del self._followers[owner]

    def count_followers(self) -> int:
        """Return the number of pages that follow an answer; costs no lock, since each frame asks."""
        return self._follower_count

    def count_unsaved(self) -> int:
        """Return the number of generations whose answer the database refuses."""
        return sum(generation.is_unsaved for generation in self._active_generations())

    def stop_all(self, owner: str) -> None:
        """Stop all generations of an owner."""
        for generation in self._active_generations():
            if generation.owner == owner:
                generation.stop()

    @property
    def is_shutting_down(self) -> bool:
        """True while the process shuts down and refuses new turns."""
        return self._is_shutting_down

    def begin_shutdown(self) -> None:
        """Refuse new turns from now on; running generations continue."""
        self._is_shutting_down = True

    def drain(self, timeout: float) -> int:
        """Wait `timeout` seconds for running generations, then interrupt the rest; returns their number.

        Interrupted answers are saved, unless the database refuses. Call `begin_shutdown` first.
        """
        with self._condition:
            self._condition.wait_for(lambda: not self._generations, timeout)
        remaining = self._active_generations()
        for generation in remaining:
            generation.interrupt()
        for generation in remaining:
            try:
                generation.stop()
            except errors.StoreError:
                log.warning("an interrupted answer could not be saved", exc_info=True)
        return len(remaining)

    @contextlib.contextmanager
    def claim_turn(self, conversation_id: str) -> Iterator[None]:
        """Reserve a conversation for one turn, in which its generation is registered.

        The claim is released if the turn fails or registers nothing. Raises TurnInProgress while another
        turn or generation runs there, and ShuttingDown.
        """
        with self._condition:
            previous = self._generations.get(conversation_id)
        if previous is not None:
            previous.wait_until_saved(STOP_TIMEOUT)
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

    def register(self, generation: Generation, max_running: int | None = None) -> None:
        """Add a generation, inside the turn that claimed its conversation.

        Raises TooManyAnswers if `max_running` of its owner run already.
        """
        with self._condition:
            running = [other for other in self._generations.values() if other and other.owner == generation.owner]
            if max_running is not None and len(running) >= max_running:
                raise errors.TooManyAnswers
            self._generations[generation.conversation_id] = generation

    def unregister(self, generation: Generation) -> None:
        with self._condition:
            if self._generations.get(generation.conversation_id) is not generation:
                return
            self._release_turn(generation.conversation_id)
        if outcome := generation.request_outcome():
            self._on_request_finished(outcome)

    def _release_turn(self, conversation_id: str) -> None:
        with self._condition:
            self._generations.pop(conversation_id, None)
            self._condition.notify_all()

    def _active_generations(self) -> list[Generation]:
        with self._condition:
            return [generation for generation in self._generations.values() if generation is not None]
