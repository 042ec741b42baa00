"""An answer being produced: a worker owned by the process, not by a browser tab. Follow it, stop it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from lib.core import errors
from lib.core.reply import Event, Reply, TextDelta, ThinkingDelta
from lib.core.types import Failure, Node, Outcome, Timing
from lib.gateway.transport import Cancel

log = logging.getLogger(__name__)

SAVE_EVERY = 0.5  # seconds between two checkpoints, which are also the sign of life
STALE_AFTER = 6.0  # seconds without one, after which nobody produces the answer any more
STOP_WITHIN = 0.4  # seconds that a stop waits for the worker before it goes on without it
SETTLE_PAUSE = 30.0  # seconds at most between two tries to save an end in a database that is away


class Keeper(Protocol):
    """Where an answer is kept while it comes; each method may raise StoreError."""

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save what has come; returns the outcome that the row has, None where the row is gone."""

    def settle(self, owner: str, node: Node) -> None:
        """Save the answer as it ended."""

    def node(self, owner: str, node: str) -> Node | None:
        """The row as it is, None where it is gone or another's."""

    def stop(self, owner: str, node: str) -> None:
        """Mark the row as stopped if it is still arriving."""

    def sweep(self, stale: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted."""


@dataclass(frozen=True)
class Snapshot:
    """An answer at one moment. `version` grows with every change; `silence` is in seconds."""

    version: int
    node: Node
    silence: float
    unsaved: bool = False

    @property
    def ended(self) -> bool:
        return not self.node.arriving


class Answer:
    """An answer that a worker of this process produces. All methods may be called from any thread."""

    def __init__(self, owner: str, conversation: str, node: Node, cancel: Cancel, keeper: Keeper) -> None:
        self.owner = owner
        self.conversation = conversation
        self._node = node
        self._cancel = cancel
        self._keeper = keeper
        self._reply = Reply()
        self._changed = threading.Condition()
        self._left = threading.Event()
        self._done: Callable[[Answer], None] = lambda _: None
        self._version = 0
        self._unsaved = False
        self._began = self._heard = time.monotonic()
        self._timing = Timing()

    def start(self, produce: Callable[[], Iterator[Event]], done: Callable[[Answer], None]) -> None:
        """Produce the answer on a worker thread; `done` is called when it is settled in the store."""
        self._done = done
        work = threading.Thread(target=self._work, args=(produce,), name="answer", daemon=True)
        save = threading.Thread(target=self._save, name="answer-save", daemon=True)
        work.start()
        save.start()

    def wait(self, version: int, timeout: float) -> Snapshot:
        """The answer as soon as it is newer than `version`, or as it is after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version or self._ended, timeout)
            silence = time.monotonic() - self._heard
            return Snapshot(self._version, self._now(), silence, self._unsaved)

    def stop(self) -> None:
        """End the request upstream and the answer, within STOP_WITHIN seconds whatever the network does."""
        self._cancel.cancel()
        if self._left.wait(STOP_WITHIN):
            return
        # The worker is stuck where no socket is yet, or the database is away. Its end is told now; a
        # connection that comes later is shut before anything is sent.
        self._end(Outcome.STOPPED, None)
        self._keeper.settle(self.owner, self._node)
        self._done(self)

    @property
    def id(self) -> str:
        """The id of its node."""
        return self._node.id

    def leaving(self, timeout: float) -> None:
        """Where the answer has ended and is only being saved yet, wait for that."""
        if self._ended:
            self._left.wait(timeout)

    @property
    def _ended(self) -> bool:
        return not self._node.arriving

    def _now(self) -> Node:
        if self._ended:
            return self._node
        return replace(self._reply.node(self._node), timing=self._timing)

    def _work(self, produce: Callable[[], Iterator[Event]]) -> None:
        try:
            self._end(*self._produce(produce))
            self._settle()
        finally:
            self._done(self)
            self._left.set()

    def _produce(self, produce: Callable[[], Iterator[Event]]) -> tuple[Outcome, Failure | None]:
        """Take in the events to their end; returns how that was."""
        outcome, failure = Outcome.FAILED, None
        try:
            for event in produce():
                if self._cancel.cancelled:
                    break
                self._add(event)
            outcome = self._reply.outcome()
        except errors.Cut as error:
            outcome, failure = Outcome.INTERRUPTED, error.failure()
        except errors.AnswerError as error:
            failure = error.failure()
        except Exception:  # noqa: BLE001  whatever it is, the reader gets an end and the log the details
            log.exception("an answer failed")
            failure = errors.Unexpected().failure()
        # A stop can look like any ending at all: a quiet end, a broken read, a refusal.
        if self._cancel.cancelled and self._reply.finish is None:
            return Outcome.STOPPED, None
        return outcome, failure

    def _add(self, event: Event) -> None:
        with self._changed:
            if self._ended:
                return
            self._reply.add(event)
            self._heard = time.monotonic()
            self._clock(event)
            self._version += 1
            self._changed.notify_all()

    def _clock(self, event: Event) -> None:
        now = self._heard - self._began
        if isinstance(event, TextDelta | ThinkingDelta) and self._timing.first is None:
            self._timing = replace(self._timing, first=now)
        if isinstance(event, TextDelta) and self._timing.spoke is None:
            self._timing = replace(self._timing, spoke=now)

    def _end(self, outcome: Outcome, failure: Failure | None) -> None:
        with self._changed:
            if self._ended:
                return
            timing = replace(self._timing, total=time.monotonic() - self._began)
            node = replace(self._reply.node(self._node), outcome=outcome, failure=failure, timing=timing)
            served = self._reply.served
            self._node = replace(node, request_id=served.id if served else "")
            self._version += 1
            self._changed.notify_all()

    def _save(self) -> None:
        """Checkpoints until the end. Another process that marks the row as stopped ends the answer here."""
        while not self._left.wait(SAVE_EVERY):
            with self._changed:
                if self._ended:
                    return
                node = self._now()
            try:
                kept = self._keeper.checkpoint(self.owner, node)
                self._unsaved = False
            except errors.StoreError:
                log.warning("an answer could not be saved", exc_info=True)
                self._unsaved = True
                continue
            if kept is Outcome.STOPPED or kept is None:
                self._cancel.cancel()

    def _settle(self) -> None:
        pause = SAVE_EVERY
        while True:
            try:
                self._keeper.settle(self.owner, self._node)
            except errors.StoreError:
                log.warning("an answer's end could not be saved", exc_info=True)
                self._unsaved = True
                time.sleep(pause)
                pause = min(SETTLE_PAUSE, 2 * pause)
            else:
                self._unsaved = False
                return


class Elsewhere:
    """An answer that another process produces, or did before it died: followed through the store."""

    def __init__(self, owner: str, conversation: str, node: Node, keeper: Keeper) -> None:
        self.owner = owner
        self.conversation = conversation
        self._node = node
        self._keeper = keeper
        self._version = 0

    def wait(self, version: int, timeout: float) -> Snapshot:
        """As Answer.wait; the store is asked once a call, so `timeout` is the pace."""
        if version >= self._version:
            time.sleep(timeout)
            self._keeper.sweep(STALE_AFTER)
            node = self._keeper.node(self.owner, self._node.id)
            node = node or replace(self._node, outcome=Outcome.INTERRUPTED)
            if node != self._node:
                self._node = node
                self._version += 1
        return Snapshot(self._version, self._node, 0.0)

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
