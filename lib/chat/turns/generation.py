"""An answer being produced: a worker owned by the process, not by a browser tab. Follow it, stop it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.turns.ports import Keeper
from lib.chat.usage.recorder import Entry, Tally, Tariffs, unpriced
from lib.core import errors
from lib.core.conversation import Failure, Message, Node, Outcome, Timing, new_id
from lib.core.reply import Alive, Event, Replies, TextDelta, ThinkingDelta, Waiting
from lib.core.usage import Spend
from lib.gateway.transport.cancel import Cancel

log = logging.getLogger(__name__)

SAVE_EVERY = 0.5  # seconds between two checkpoints, which are also the sign of life
STALE_AFTER = 6.0  # seconds without one, after which nobody produces the answer any more
STOP_WITHIN = 0.4  # seconds that a stop waits for the worker before it goes on without it
_SILENT = Message("assistant", ())
SETTLE_PAUSE = 30.0  # seconds at most between two tries to save an end in a database that is away


@dataclass(frozen=True)
class Snapshot:
    """An answer at one moment. `version` grows with every change.

    `silence` is the seconds since something came that adds to it, `still` those since any sign of life.
    `waiting` is the pause before a request is sent again, and `left` how many seconds of it are left.
    """

    version: int
    node: Node
    silence: float
    still: float
    unsaved: bool = False
    waiting: Waiting | None = None
    left: float = 0.0

    @property
    def ended(self) -> bool:
        return not self.node.arriving


class Answer:
    """An answer that a worker of this process produces. All methods may be called from any thread.

    Where a request brings several alternatives, each becomes a node beside the first one. A node that
    holds something already is gone on with. `tariffs` tell what its model costs when it has ended.
    """

    def __init__(
        self,
        owner: str,
        conversation: str,
        node: Node,
        cancel: Cancel,
        keeper: Keeper,
        tariffs: Tariffs = unpriced,
    ) -> None:
        self.owner = owner
        self.conversation = conversation
        self._nodes = [node]
        self._cancel = cancel
        self._keeper = keeper
        self._replies = Replies(node)
        assert node.target is not None
        self._tally = Tally(
            Entry(node.request or new_id(), conversation, "answer", node.target, node.id), tariffs
        )
        self._spends: Sequence[Spend] = ()
        self._changed = threading.Condition()
        self._left = threading.Event()
        self._done: Callable[[Answer], None] = lambda _: None
        self._version = 0
        self._kept = 1  # nodes that the store has
        self._keeping = threading.Lock()
        self._unsaved = False
        self._ended = self._settled = False
        self._given_up = Outcome.STOPPED  # what it is called where it is cancelled
        self.tries = 1  # how often the request was sent
        self._began = self._heard = self._alive = time.monotonic()
        self._waiting: Waiting | None = None
        self._before = node.timing
        self._timing = Timing(node.timing.first, node.timing.spoke)

    def start(self, produce: Callable[[], Iterator[Event]], done: Callable[[Answer], None]) -> None:
        """Produce the answer on a worker thread; `done` is called when it is settled in the store."""
        self._done = done
        work = threading.Thread(target=self._work, args=(produce,), name="answer", daemon=True)
        save = threading.Thread(target=self._save, name="answer-save", daemon=True)
        work.start()
        save.start()

    def wait(self, version: int, timeout: float, node: str = "") -> Snapshot:
        """The answer as soon as it is newer than `version`, or as it is after `timeout` seconds.

        `node` is the alternative's, the first one's where there is none of that id.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > version or self._ended, timeout)
            now = time.monotonic()
            nodes = self._now()
            shown = next((one for one in nodes if one.id == node), nodes[0])
            left = max(0.0, self._heard + self._waiting.seconds - now) if self._waiting else 0.0
            waiting = self._waiting if left else None
            silence, still = now - self._heard, now - self._alive
            return Snapshot(self._version, shown, silence, still, self._unsaved, waiting, left)

    def stop(self) -> None:
        """End the request upstream and the answer, within STOP_WITHIN seconds whatever the network does."""
        self._cancel.cancel()
        if self._left.wait(STOP_WITHIN):
            return
        # The worker is stuck where no socket is yet, or the database is away. Its end is told now; a
        # connection that comes later is shut before anything is sent.
        self._end(self._given_up, None)
        self._keep()
        self._done(self)

    def interrupt(self) -> None:
        """End the request upstream, because the process must end; `stop` then waits for the answer's end."""
        if not self._cancel.cancelled:
            self._given_up = Outcome.INTERRUPTED
            self._cancel.cancel()

    @property
    def ids(self) -> list[str]:
        """The ids of its nodes, the first alternative's first."""
        with self._changed:
            return [node.id for node in self._nodes]

    @contextlib.contextmanager
    def given_up_on_error(self) -> Iterator[None]:
        """End the answer, for whoever follows it already, where its rows cannot be written."""
        try:
            yield
        except BaseException:
            self._settled = True
            self._end(Outcome.INTERRUPTED, None)
            raise

    def leaving(self, timeout: float) -> None:
        """Where the answer has ended and is only being saved yet, wait for that."""
        if self._ended:
            self._left.wait(timeout)

    def _now(self) -> list[Node]:
        """The nodes as they are; a new alternative gets its node here."""
        if self._ended:
            return self._nodes
        first = self._nodes[0]
        while len(self._nodes) < len(self._replies.each):
            # The order in which alternatives are paged through is that of their times.
            created = first.created + len(self._nodes) * 1e-5
            self._nodes.append(
                Node(new_id(), first.parent, _SILENT, created, first.outcome, target=first.target)
            )
        replies = self._replies.each.values()
        return [
            replace(reply.node(node), timing=self._timing)
            for reply, node in zip(replies, self._nodes, strict=True)
        ]

    def _work(self, produce: Callable[[], Iterator[Event]]) -> None:
        try:
            self._end(*self._produce(produce))
            self._settle()
        finally:
            self._done(self)
            self._left.set()

    def _produce(self, produce: Callable[[], Iterator[Event]]) -> tuple[Outcome, Failure | None]:
        """Take in the events to their end; returns how that was for what had no last word by then."""
        outcome, failure = Outcome.INTERRUPTED, None
        try:
            for event in produce():
                if self._cancel.cancelled:
                    break
                self._add(event)
        except errors.Cut as error:
            failure = error.failure()
        except errors.AnswerError as error:
            outcome, failure = Outcome.FAILED, error.failure()
        except Exception:  # noqa: BLE001  whatever it is, the reader gets an end and the log the details
            log.exception("an answer failed")
            outcome, failure = Outcome.FAILED, errors.Unexpected().failure()
        # A stop can look like any ending at all: a quiet end, a broken read, a refusal.
        return (self._given_up, None) if self._cancel.cancelled else (outcome, failure)

    def _add(self, event: Event) -> None:
        with self._changed:
            if self._ended:
                return
            self._alive = time.monotonic()
            kind = type(event)
            if kind is Alive:
                return
            self._heard = self._alive
            self._waiting = event if kind is Waiting else None  # type: ignore[assignment]
            self.tries += kind is Waiting
            self._replies.add(event)
            self._tally.add(event)
            if self._timing.spoke is None and (kind is TextDelta or kind is ThinkingDelta):
                self._clock(kind is TextDelta)
            self._version += 1
            self._changed.notify_all()

    def _clock(self, spoke: bool) -> None:
        now = self._heard - self._began
        first = now if self._timing.first is None else self._timing.first
        self._timing = Timing(first, now if spoke else None)

    def _end(self, outcome: Outcome, failure: Failure | None) -> None:
        with self._changed:
            if self._ended:
                return
            total = time.monotonic() - self._began + (self._before.total or 0)
            self._timing = replace(self._timing, total=total)
            nodes = []
            for reply, node in zip(self._replies.each.values(), self._now(), strict=True):
                how = (outcome, failure) if reply.finish is None else (reply.outcome(), None)
                id_ = str(node.served.get("request_id") or node.served.get("id") or node.request_id)
                nodes.append(replace(node, outcome=how[0], failure=how[1], request_id=id_))
            self._spends = self._tally.ended(nodes[0].outcome, failure.request_id if failure else "")
            self._nodes, self._ended, self._waiting = nodes, True, None
            self._version += 1
            self._changed.notify_all()

    def _save(self) -> None:
        """Checkpoints until the end. Another process that marks the row as stopped ends the answer here."""
        while not self._left.wait(SAVE_EVERY):
            with self._changed:
                if self._ended:
                    return
                nodes = self._now()
            try:
                with self._keeping:
                    kept = [self._keeper.checkpoint(self.owner, node) for node in nodes[: self._kept]]
                    self._keep_new(nodes)
                self._unsaved = False
            except errors.StoreError:
                log.warning("an answer could not be saved", exc_info=True)
                self._unsaved = True
                continue
            if None in kept or Outcome.STOPPED in kept:
                self._cancel.cancel()

    def _keep(self) -> None:
        """Save the end of every alternative. Raises StoreError."""
        with self._keeping:
            if self._settled:
                return  # and may be arriving again by now
            self._keep_new(self._nodes)
            for place, node in enumerate(self._nodes):
                # One request brought them all.
                self._keeper.settle(self.owner, node, () if place else self._spends)
            self._settled = True

    def _keep_new(self, nodes: list[Node]) -> None:
        for node in nodes[self._kept :]:
            self._keeper.add(self.owner, self.conversation, node)
            self._kept += 1

    def _settle(self) -> None:
        pause = SAVE_EVERY
        while True:
            try:
                self._keep()
            except errors.StoreError:
                log.warning("an answer's end could not be saved", exc_info=True)
                self._unsaved = True
                time.sleep(pause)
                pause = min(SETTLE_PAUSE, 2 * pause)
            else:
                self._unsaved = False
                return
