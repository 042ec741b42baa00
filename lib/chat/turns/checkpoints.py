"""Checkpoints of all running answers of the process: one thread, and one transaction for each store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Protocol

from lib.chat.turns.ports import MessageStore
from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Outcome
from lib.core.errors import StoreError

log = logging.getLogger(__name__)

CHECKPOINT_INTERVAL = 0.5  # seconds between two heartbeats, each of which shows a stop by another process
_MAX_REFUSED = 2  # answers that a store refuses one after the other before it counts as away


class RunningAnswer(Protocol):
    """An answer with checkpoints."""

    store: MessageStore
    save_lock: threading.Lock

    def next_checkpoints(self) -> list[Checkpoint]:
        """Return what is to be saved now; nothing after the end. Called with the lock."""

    def note_saved(self, outcomes: Sequence[Outcome | None]) -> None:
        """Take the outcomes of the rows. Called with the lock; may raise StoreError."""

    def note_unsaved(self) -> None:
        """Take that the store has refused the checkpoints."""


class CheckpointWriter:
    """Saves checkpoints of running answers, on a thread that ends with the last of them. Any thread may add one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._answers: list[RunningAnswer] = []
        self._thread: threading.Thread | None = None

    def add(self, answer: RunningAnswer) -> None:
        """Save checkpoints of an answer until it is removed."""
        with self._changed:
            self._answers.append(answer)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()

    def remove(self, answer: RunningAnswer) -> None:
        with self._changed:
            self._answers.remove(answer)
            self._changed.notify()

    def _run(self) -> None:
        while answers := self._wait():
            for store in {id(answer.store): answer.store for answer in answers}.values():
                self._save([answer for answer in answers if answer.store is store])

    def _wait(self) -> list[RunningAnswer]:
        """Wait until the next checkpoints are due; return the running answers, and without any let the thread end."""
        started = time.monotonic()
        with self._changed:
            while self._answers and (rest := started + CHECKPOINT_INTERVAL - time.monotonic()) > 0:
                self._changed.wait(rest)
            if not self._answers:
                self._thread = None
            return list(self._answers)

    def _save(self, answers: Sequence[RunningAnswer]) -> None:
        """Save the answers of a store together; one by one if the store refuses that, for the sake of the others."""
        if self._try_save(answers):
            return
        refused_count = 0
        for answer in answers if len(answers) > 1 else ():
            is_saved = refused_count < _MAX_REFUSED and self._try_save([answer])
            refused_count += not is_saved

    @staticmethod
    def _try_save(answers: Sequence[RunningAnswer]) -> bool:
        with ExitStack() as locks:
            try:
                batch = []
                for answer in answers:
                    locks.enter_context(answer.save_lock)
                    batch.append((answer, answer.next_checkpoints()))
                checkpoints = [checkpoint for _, own in batch for checkpoint in own]
                outcomes = answers[0].store.save_checkpoints(checkpoints) if checkpoints else []
                for answer, own in batch:
                    answer.note_saved(outcomes[: len(own)])
                    outcomes = outcomes[len(own) :]
            except StoreError as error:
                # The answers warn once, and the store itself of a fault: this comes with every attempt.
                log.info("checkpoints of %d answers could not be saved: %s", len(answers), error)
            except Exception:
                # Without this thread, no answer of the process would have a heartbeat any more.
                log.exception("checkpoints of %d answers failed", len(answers))
            else:
                return True
            for answer in answers:
                answer.note_unsaved()
        return False


checkpoint_writer = CheckpointWriter()
