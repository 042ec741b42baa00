"""Generations: answers that a worker thread of the process produces, independent of any browser tab."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial

from lib.chat.turns.answer_record import AnswerRecord
from lib.chat.turns.checkpoints import checkpoint_writer
from lib.chat.turns.ports import MessageStore
from lib.chat.turns.saved_content import SavedContent
from lib.chat.usage.recorder import (
    FirstOutputTimer,
    PriceLookup,
    RequestInfo,
    RequestOutcome,
    UsageRecorder,
    unknown_price,
)
from lib.core import errors
from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Failure, Message, Node, Outcome, new_id
from lib.core.events import Event, Heartbeat, Restart, RetryScheduled
from lib.core.reply import ChoiceReplies, ReplyCursor
from lib.core.usage import UsageRecord
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)

FIRST_SAVE_BACKOFF = 0.5  # seconds
STALE_AFTER = 6.0  # seconds without a heartbeat, after which the answer is interrupted
STOP_TIMEOUT = 0.4  # seconds that `stop` waits for the worker before it finishes the answer itself
MAX_SAVE_BACKOFF = 30.0  # seconds between two attempts to save in an unreachable database
_EMPTY_MESSAGE = Message("assistant", ())


class State(IntEnum):
    """Life cycle of a generation."""

    RUNNING = 0
    FINISHED = 1  # the outcome is known
    SAVED = 2  # and its rows are written, or never will be


@dataclass(frozen=True)
class Growth:
    """News of an answer since a cursor: `text` at the end of its last part, or the whole `node`."""

    cursor: ReplyCursor
    text: str = ""
    node: Node | None = None


@dataclass(frozen=True)
class GenerationSnapshot:
    """An answer at one moment; `version` grows with every change.

    `read_since` returns what is new since a cursor, at that moment or a later one, and copies no more than that.
    Heartbeats count as activity, but not as content. `retry_in` is the rest of the pause before `scheduled_retry`, in
    seconds. `is_unsaved` is set while the database refuses the answer, `has_thought` from the first thinking on, also
    if it has no text.
    """

    version: int
    read_since: Callable[[ReplyCursor], Growth]
    is_finished: bool
    seconds_since_content: float
    seconds_since_activity: float
    is_unsaved: bool = False
    scheduled_retry: RetryScheduled | None = None
    retry_in: float = 0.0
    has_thought: bool = False

    @property
    def node(self) -> Node:
        """The whole answer."""
        node = self.read_since(ReplyCursor()).node
        assert node is not None
        return node


class Generation:
    """An answer that a worker of this process produces. All methods are thread-safe.

    Each alternative of the request becomes a node beside the first. A node with content is continued. Its `record`
    is saved with the end.
    """

    def __init__(
        self,
        owner: str,
        conversation_id: str,
        node: Node,
        cancel: CancelToken,
        store: MessageStore,
        price_lookup: PriceLookup = unknown_price,
        request_digest: str = "",
        uses_personal_key: bool = False,
    ) -> None:
        assert node.target is not None
        self.owner = owner
        self.conversation_id = conversation_id
        self._nodes = [node]
        self._saved_count = 1  # nodes that have a row
        self._request_digest = request_digest
        self._cancel = cancel
        self._cancel_outcome = Outcome.STOPPED
        self.store, self.record = store, AnswerRecord(owner)
        self._replies = ChoiceReplies(node)
        record_id = node.usage_record_id or new_id()
        request = RequestInfo(record_id, conversation_id, "answer", node.target, node.id, uses_personal_key)
        self._usage_recorder = UsageRecorder(request, price_lookup)
        self._usage_records: Sequence[UsageRecord] = ()
        self._timer = FirstOutputTimer(previous=node.timing)
        self._last_content_at = self._last_activity_at = time.monotonic()
        self._scheduled_retry: RetryScheduled | None = None
        self._state = State.RUNNING
        self._version = 0
        self._condition = threading.Condition()
        self.save_lock = threading.Lock()
        self._is_unsaved = self._has_thought = False
        self._saved_version, self._next_save_at = -1, 0.0
        self._saving_nodes: list[Node] | None = None  # those of the running checkpoint, and their version
        self._saving_version = -1
        self._contents: defaultdict[str, SavedContent] = defaultdict(SavedContent)  # by node
        self._worker_finished = threading.Event()
        self._calls_when_saved: list[Callable[[], None]] = []
        self._on_finished: Callable[[Generation], None] = lambda _: None

    def start(self, open_stream: Callable[[], Iterator[Event]], on_finished: Callable[[Generation], None]) -> None:
        """Produce the answer on a worker thread; `on_finished` is called after its end is saved."""
        self._on_finished = on_finished
        checkpoint_writer.add(self)
        threading.Thread(target=self._run_worker, args=(open_stream,), name="answer", daemon=True).start()

    def wait(self, version: int, timeout: float, node_id: str = "") -> GenerationSnapshot:
        """Return the answer when it is newer than `version`, or after `timeout` seconds.

        `node_id` selects an alternative; an unknown id selects the first.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._version > version or self._is_finished, timeout)
            now, retry = time.monotonic(), self._scheduled_retry
            retry_in = max(0.0, self._last_content_at + retry.delay - now) if retry else 0.0
            return GenerationSnapshot(
                self._version,
                partial(self._read_since, node_id),
                self._is_finished,
                now - self._last_content_at,
                now - self._last_activity_at,
                self._is_unsaved,
                retry if retry_in else None,
                retry_in,
                self._has_thought,
            )

    def _read_since(self, node_id: str, cursor: ReplyCursor) -> Growth:
        with self._condition:
            index = next((index for index, node in enumerate(self._nodes) if node.id == node_id), 0)
            if self._is_finished:
                return Growth(cursor, node=self._nodes[index])
            text, cursor = self._replies.by_index(index).read_tail(cursor)
            return Growth(cursor, text) if text is not None else Growth(cursor, node=self._current_nodes()[index])

    def stop(self) -> None:
        """End the upstream request and the answer, within STOP_TIMEOUT seconds whatever the network does."""
        self._cancel.cancel()
        if self._worker_finished.wait(STOP_TIMEOUT):
            return
        # The worker waits for a socket or for the database. A connection that opens later is closed by the
        # token before anything is sent.
        self._finish(self._cancel_outcome, None)
        self._save_final_nodes()
        self._on_finished(self)

    def interrupt(self) -> None:
        """End the upstream request because the process shuts down; call `stop` to wait for the end."""
        if not self._cancel.cancelled:
            self._cancel_outcome = Outcome.INTERRUPTED
            self._cancel.cancel()

    @property
    def cancel_token(self) -> CancelToken:
        """The token that ends the upstream request."""
        return self._cancel

    @property
    def is_unsaved(self) -> bool:
        """True while the database refuses the answer."""
        return self._is_unsaved

    @property
    def node_ids(self) -> list[str]:
        """Ids of the alternatives' nodes, the first one's first."""
        with self._condition:
            return [node.id for node in self._nodes]

    def abort(self) -> None:
        """Finish the answer for its followers, because its rows could not be inserted."""
        self._finish(Outcome.INTERRUPTED, None, State.SAVED)

    def wait_until_saved(self, timeout: float) -> None:
        """Wait up to `timeout` seconds until a finished answer is saved; return at once while it runs."""
        if self._is_finished:
            self._worker_finished.wait(timeout)

    def call_when_saved(self, call: Callable[[], None]) -> None:
        """Call a function once the end is saved: now, or on the thread that saves it."""
        with self._condition:
            if self._state is not State.SAVED:
                self._calls_when_saved.append(call)
                return
        call()

    def request_outcome(self) -> RequestOutcome | None:
        """Return the outcome of the request for metrics; None while the answer arrives."""
        if not self._usage_records:
            return None
        failure = self._nodes[0].failure
        code, status = (failure.code, failure.status) if failure else ("", None)
        return RequestOutcome(self.owner, self._usage_records, code, status)

    @property
    def _is_finished(self) -> bool:
        return self._state >= State.FINISHED

    def _current_nodes(self) -> list[Node]:
        """Return the nodes with their content so far, after adding a node for each new alternative."""
        if self._is_finished:
            return self._nodes
        first = self._nodes[0]
        while len(self._nodes) < len(self._replies.by_choice):
            # Siblings are ordered by creation time.
            created_at = first.created_at + len(self._nodes) * 1e-5
            node = Node(new_id(), first.parent_id, _EMPTY_MESSAGE, created_at, first.outcome, target=first.target)
            self._nodes.append(replace(node, persona=first.persona))
        replies = self._replies.by_choice.values()
        return [
            replace(reply.apply_to(node), timing=self._timer.timing)
            for reply, node in zip(replies, self._nodes, strict=True)
        ]

    def _run_worker(self, open_stream: Callable[[], Iterator[Event]]) -> None:
        try:
            self._finish(*self._consume_events(open_stream))
            self._save_with_retries()
        finally:
            checkpoint_writer.remove(self)
            self._on_finished(self)
            self._worker_finished.set()

    def _consume_events(self, open_stream: Callable[[], Iterator[Event]]) -> tuple[Outcome, Failure | None]:
        """Fold all events; returns outcome and failure of the alternatives without a Finish event."""
        outcome, failure = Outcome.INTERRUPTED, None
        try:
            for event in open_stream():
                if self._cancel.cancelled:
                    break
                self._add_event(event)
        except errors.StreamInterrupted as error:
            failure = error.to_failure()
        except errors.AnswerError as error:
            digest = self._request_digest if error.is_wrong_request else ""
            outcome, failure = Outcome.FAILED, replace(error.to_failure(), request_digest=digest)
        except Exception:  # noqa: BLE001  the reader must see an end; the log has the details
            log.exception("an answer failed")
            outcome, failure = Outcome.FAILED, errors.UnexpectedError().to_failure()
        # A cancelled stream can end in any way: quietly, by a broken read, by a refusal.
        return (self._cancel_outcome, None) if self._cancel.cancelled else (outcome, failure)

    def _add_event(self, event: Event) -> None:
        with self._condition:
            if self._is_finished:
                return
            self._last_activity_at = time.monotonic()
            if type(event) is Heartbeat:
                self._has_thought |= event.is_thinking
                return
            if type(event) is Restart:
                self._has_thought = False
            self._last_content_at = self._last_activity_at
            self._scheduled_retry = event if isinstance(event, RetryScheduled) else None
            self._replies.add(event)
            self._usage_recorder.add_event(event)
            self._timer.add_event(event)
            self._version += 1
            self._condition.notify_all()

    def _finish(self, outcome: Outcome, failure: Failure | None, state: State = State.FINISHED) -> None:
        with self._condition:
            if self._is_finished:
                return
            timing, nodes = self._timer.finish(), []
            for reply, node in zip(self._replies.by_choice.values(), self._current_nodes(), strict=True):
                metadata = node.provider_metadata
                nodes.append(
                    replace(
                        node,
                        timing=timing,
                        outcome=outcome if reply.finish is None else reply.outcome(),
                        failure=failure if reply.finish is None else None,
                        request_id=str(metadata.get("request_id") or metadata.get("id") or node.request_id),
                    )
                )
            if not nodes[0].is_replay:  # of which the usage is recorded with the original
                request_id = failure.request_id if failure else ""
                self._usage_records = self._usage_recorder.finish(nodes[0].outcome, request_id)
            self._nodes, self._state, self._scheduled_retry = nodes, state, None
            self._version += 1
            self._condition.notify_all()

    def next_checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints of the nodes that have a row; nothing after the end.

        Each has what is new, and without anything new the heartbeat alone.
        """
        if self._is_finished:
            return []  # a checkpoint after the end would let the row arrive again
        with self._condition:
            is_due = self._version != self._saved_version and time.monotonic() >= self._next_save_at
            nodes, self._saving_version = (self._current_nodes() if is_due else self._nodes), self._version
        self._saving_nodes = nodes if is_due else None
        saved_nodes = nodes[: self._saved_count]
        if not is_due:
            return [Checkpoint(self.owner, node, is_heartbeat=True) for node in saved_nodes]
        return [self._contents[node.id].build_checkpoint(self.owner, node) for node in saved_nodes]

    def note_saved(self, outcomes: Sequence[Outcome | None]) -> None:
        """Take the outcomes of the rows; one that another process has marked as stopped stops the answer."""
        if nodes := self._saving_nodes:
            pause = sum(content.note_saved() for content in self._contents.values())
            self._insert_new_nodes(nodes)
            self._saved_version = self._saving_version
            self._next_save_at = time.monotonic() + pause
        self._is_unsaved = False
        if set(outcomes) - {Outcome.ARRIVING}:
            self._forget_saved()  # which was refused
        if None in outcomes or Outcome.STOPPED in outcomes:
            self._cancel.cancel()

    def note_unsaved(self) -> None:
        """Show that the database refuses the answer."""
        self._forget_saved()
        if not self._is_unsaved:
            log.warning("an answer cannot be saved for now")
        self._is_unsaved = True

    def _forget_saved(self) -> None:
        for content in self._contents.values():
            content.forget()

    def _save_final_nodes(self) -> None:
        """Save the end of every alternative, once: the row may arrive again after. Raises StoreError."""
        with self.save_lock:
            if self._state is State.SAVED:
                return
            self._insert_new_nodes(self._nodes)
            exchange = self.record.take()
            try:
                for index, node in enumerate(self._nodes):
                    # One request produced all alternatives: its usage and its record are those of the first.
                    first_only = ((), None) if index else (self._usage_records, exchange)
                    self.store.finish(self.owner, node, *first_only)
            except errors.StoreError:
                self.record.note_refused()
                raise
            with self._condition:
                self._state = State.SAVED
            self.record.save_apart()
        for call in self._calls_when_saved:
            call()

    def _insert_new_nodes(self, nodes: list[Node]) -> None:
        for node in nodes[self._saved_count :]:
            self.store.add(self.owner, self.conversation_id, node)
            self._saved_count += 1

    def _save_with_retries(self) -> None:
        pause = FIRST_SAVE_BACKOFF
        while True:
            try:
                self._save_final_nodes()
            except errors.StoreError as error:
                if not self._is_unsaved:
                    log.warning("the end of an answer could not be saved: %s", error)
                self._is_unsaved = True
                time.sleep(pause)
                pause = min(MAX_SAVE_BACKOFF, 2 * pause)
            else:
                self._is_unsaved = False
                return
