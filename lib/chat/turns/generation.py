"""An answer being produced: a worker owned by the process, not by a browser tab. Follow it, stop it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.turns.ports import AnswerStore
from lib.chat.usage.recorder import PriceLookup, RequestInfo, UsageRecorder, unknown_price
from lib.core import errors
from lib.core.conversation import Failure, Message, Node, Outcome, Timing, new_id
from lib.core.events import Event, Heartbeat, RetryScheduled, TextDelta, ThinkingDelta
from lib.core.reply import ChoiceReplies
from lib.core.usage import UsageRecord
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)

CHECKPOINT_INTERVAL = 0.5  # seconds between two checkpoints, which are also the sign of life
STALE_AFTER = 6.0  # seconds without one, after which nobody produces the answer any more
STOP_TIMEOUT = 0.4  # seconds that a stop waits for the worker before it goes on without it
_EMPTY_MESSAGE = Message("assistant", ())
MAX_SAVE_BACKOFF = 30.0  # seconds at most between two tries to save an end in a database that is away


@dataclass(frozen=True)
class GenerationSnapshot:
    """An answer at one moment. `version` grows with every change.

    `silence` is the seconds since something came that adds to it, `still` those since any sign of life.
    `waiting` is the pause before a request is sent again, and `left` how many seconds of it are left.
    """

    version: int
    node: Node
    seconds_since_content: float
    seconds_since_activity: float
    is_unsaved: bool = False
    scheduled_retry: RetryScheduled | None = None
    retry_in: float = 0.0

    @property
    def is_finished(self) -> bool:
        return not self.node.arriving


class Generation:
    """An answer that a worker of this process produces. All methods may be called from any thread.

    Where a request brings several alternatives, each becomes a node beside the first one. A node that
    holds something already is gone on with. `tariffs` tell what its model costs when it has ended.
    """

    def __init__(
        self,
        owner: str,
        conversation_id: str,
        node: Node,
        cancel: CancelToken,
        store: AnswerStore,
        price_lookup: PriceLookup = unknown_price,
    ) -> None:
        self.owner = owner
        self.conversation_id = conversation_id
        self._nodes = [node]
        self._cancel = cancel
        self._store = store
        self._replies = ChoiceReplies(node)
        assert node.target is not None
        self._usage_recorder = UsageRecorder(
            RequestInfo(node.usage_record_id or new_id(), conversation_id, "answer", node.target, node.id),
            price_lookup,
        )
        self._usage_records: Sequence[UsageRecord] = ()
        self._condition = threading.Condition()
        self._worker_finished = threading.Event()
        self._on_finished: Callable[[Generation], None] = lambda _: None
        self._version = 0
        self._saved_count = 1  # nodes that the store has
        self._save_lock = threading.Lock()
        self._is_unsaved = False
        self._is_finished = self._is_saved = False
        self._cancel_outcome = Outcome.STOPPED  # what it is called where it is cancelled
        self.attempts = 1  # how often the request was sent
        self._started_at = self._last_content_at = self._last_activity_at = time.monotonic()
        self._scheduled_retry: RetryScheduled | None = None
        self._previous_timing = node.timing
        self._timing = Timing(node.timing.first_token, node.timing.first_text)

    def start(
        self, open_stream: Callable[[], Iterator[Event]], on_finished: Callable[[Generation], None]
    ) -> None:
        """Produce the answer on a worker thread; `done` is called when it is settled in the store."""
        self._on_finished = on_finished
        work = threading.Thread(target=self._run_worker, args=(open_stream,), name="answer", daemon=True)
        save = threading.Thread(target=self._run_checkpoints, name="answer-save", daemon=True)
        work.start()
        save.start()

    def wait(self, version: int, timeout: float, node_id: str = "") -> GenerationSnapshot:
        """The answer as soon as it is newer than `version`, or as it is after `timeout` seconds.

        `node` is the alternative's, the first one's where there is none of that id.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._version > version or self._is_finished, timeout)
            now = time.monotonic()
            nodes = self._current_nodes()
            shown = next((one for one in nodes if one.id == node_id), nodes[0])
            left = (
                max(0.0, self._last_content_at + self._scheduled_retry.delay - now)
                if self._scheduled_retry
                else 0.0
            )
            waiting = self._scheduled_retry if left else None
            silence, still = now - self._last_content_at, now - self._last_activity_at
            return GenerationSnapshot(self._version, shown, silence, still, self._is_unsaved, waiting, left)

    def stop(self) -> None:
        """End the request upstream and the answer, within STOP_WITHIN seconds whatever the network does."""
        self._cancel.cancel()
        if self._worker_finished.wait(STOP_TIMEOUT):
            return
        # The worker is stuck where no socket is yet, or the database is away. Its end is told now; a
        # connection that comes later is shut before anything is sent.
        self._finish(self._cancel_outcome, None)
        self._save_final_nodes()
        self._on_finished(self)

    def interrupt(self) -> None:
        """End the request upstream, because the process must end; `stop` then waits for the answer's end."""
        if not self._cancel.cancelled:
            self._cancel_outcome = Outcome.INTERRUPTED
            self._cancel.cancel()

    @property
    def node_ids(self) -> list[str]:
        """The ids of its nodes, the first alternative's first."""
        with self._condition:
            return [node.id for node in self._nodes]

    @contextlib.contextmanager
    def abort_on_error(self) -> Iterator[None]:
        """End the answer, for whoever follows it already, where its rows cannot be written."""
        try:
            yield
        except BaseException:
            self._is_saved = True
            self._finish(Outcome.INTERRUPTED, None)
            raise

    def wait_until_saved(self, timeout: float) -> None:
        """Where the answer has ended and is only being saved yet, wait for that."""
        if self._is_finished:
            self._worker_finished.wait(timeout)

    def _current_nodes(self) -> list[Node]:
        """The nodes as they are; a new alternative gets its node here."""
        if self._is_finished:
            return self._nodes
        first = self._nodes[0]
        while len(self._nodes) < len(self._replies.by_choice):
            # The order in which alternatives are paged through is that of their times.
            created = first.created_at + len(self._nodes) * 1e-5
            self._nodes.append(
                Node(new_id(), first.parent_id, _EMPTY_MESSAGE, created, first.outcome, target=first.target)
            )
        replies = self._replies.by_choice.values()
        return [
            replace(reply.apply_to(node), timing=self._timing)
            for reply, node in zip(replies, self._nodes, strict=True)
        ]

    def _run_worker(self, open_stream: Callable[[], Iterator[Event]]) -> None:
        try:
            self._finish(*self._consume_events(open_stream))
            self._save_with_retries()
        finally:
            self._on_finished(self)
            self._worker_finished.set()

    def _consume_events(self, open_stream: Callable[[], Iterator[Event]]) -> tuple[Outcome, Failure | None]:
        """Take in the events to their end; returns how that was for what had no last word by then."""
        outcome, failure = Outcome.INTERRUPTED, None
        try:
            for event in open_stream():
                if self._cancel.cancelled:
                    break
                self._add_event(event)
        except errors.StreamInterrupted as error:
            failure = error.to_failure()
        except errors.AnswerError as error:
            outcome, failure = Outcome.FAILED, error.to_failure()
        except Exception:  # noqa: BLE001  whatever it is, the reader gets an end and the log the details
            log.exception("an answer failed")
            outcome, failure = Outcome.FAILED, errors.UnexpectedError().to_failure()
        # A stop can look like any ending at all: a quiet end, a broken read, a refusal.
        return (self._cancel_outcome, None) if self._cancel.cancelled else (outcome, failure)

    def _add_event(self, event: Event) -> None:
        with self._condition:
            if self._is_finished:
                return
            self._last_activity_at = time.monotonic()
            kind = type(event)
            if kind is Heartbeat:
                return
            self._last_content_at = self._last_activity_at
            self._scheduled_retry = event if kind is RetryScheduled else None  # type: ignore[assignment]
            self.attempts += kind is RetryScheduled
            self._replies.add(event)
            self._usage_recorder.add_event(event)
            if self._timing.first_text is None and (kind is TextDelta or kind is ThinkingDelta):
                self._record_first_output(kind is TextDelta)
            self._version += 1
            self._condition.notify_all()

    def _record_first_output(self, is_text: bool) -> None:
        now = self._last_content_at - self._started_at
        first = now if self._timing.first_token is None else self._timing.first_token
        self._timing = Timing(first, now if is_text else None)

    def _finish(self, outcome: Outcome, failure: Failure | None) -> None:
        with self._condition:
            if self._is_finished:
                return
            total = time.monotonic() - self._started_at + (self._previous_timing.total or 0)
            self._timing = replace(self._timing, total=total)
            nodes = []
            for reply, node in zip(self._replies.by_choice.values(), self._current_nodes(), strict=True):
                how = (outcome, failure) if reply.finish is None else (reply.outcome(), None)
                id_ = str(
                    node.provider_metadata.get("request_id")
                    or node.provider_metadata.get("id")
                    or node.request_id
                )
                nodes.append(replace(node, outcome=how[0], failure=how[1], request_id=id_))
            self._usage_records = self._usage_recorder.finish(
                nodes[0].outcome, failure.request_id if failure else ""
            )
            self._nodes, self._is_finished, self._scheduled_retry = nodes, True, None
            self._version += 1
            self._condition.notify_all()

    def _run_checkpoints(self) -> None:
        """Checkpoints until the end. Another process that marks the row as stopped ends the answer here."""
        while not self._worker_finished.wait(CHECKPOINT_INTERVAL):
            with self._condition:
                if self._is_finished:
                    return
                nodes = self._current_nodes()
            try:
                with self._save_lock:
                    kept = [self._store.checkpoint(self.owner, node) for node in nodes[: self._saved_count]]
                    self._save_new_nodes(nodes)
                self._is_unsaved = False
            except errors.StoreError:
                log.warning("an answer could not be saved", exc_info=True)
                self._is_unsaved = True
                continue
            if None in kept or Outcome.STOPPED in kept:
                self._cancel.cancel()

    def _save_final_nodes(self) -> None:
        """Save the end of every alternative. Raises StoreError."""
        with self._save_lock:
            if self._is_saved:
                return  # and may be arriving again by now
            self._save_new_nodes(self._nodes)
            for place, node in enumerate(self._nodes):
                # One request brought them all.
                self._store.finish(self.owner, node, () if place else self._usage_records)
            self._is_saved = True

    def _save_new_nodes(self, nodes: list[Node]) -> None:
        for node in nodes[self._saved_count :]:
            self._store.add(self.owner, self.conversation_id, node)
            self._saved_count += 1

    def _save_with_retries(self) -> None:
        pause = CHECKPOINT_INTERVAL
        while True:
            try:
                self._save_final_nodes()
            except errors.StoreError:
                log.warning("an answer's end could not be saved", exc_info=True)
                self._is_unsaved = True
                time.sleep(pause)
                pause = min(MAX_SAVE_BACKOFF, 2 * pause)
            else:
                self._is_unsaved = False
                return
