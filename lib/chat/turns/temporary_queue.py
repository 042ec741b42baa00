"""Queued questions of a temporary chat, in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

from lib.core.conversation import FilePart, Node, Outcome
from lib.core.errors import QuestionNotQueued, QueueFull
from lib.core.question_queue import (
    HANDOVER,
    MAX_QUEUED,
    RESTORED,
    Pause,
    QuestionQueue,
    QueuedQuestion,
    build_queue,
    is_made_good,
    pause_after_answer,
    replaced_reasons,
)


class TemporaryQueue:
    """The queue of one conversation, with the methods of `QueueStore`; it shares the lock of its chat.

    `is_open` tells if an owner has that conversation open, `is_arriving` if an answer is arriving in it,
    `claim_key` stores an idempotency key or raises DuplicateSubmission, and `ensure_stored` raises AttachmentNotFound.
    """

    def __init__(
        self,
        lock: RLock,
        is_open: Callable[[str, str], bool],
        is_arriving: Callable[[], bool],
        claim_key: Callable[[str, str], None],
        ensure_stored: Callable[[Iterable[FilePart]], None],
    ) -> None:
        self._lock = lock
        self._is_open = is_open
        self._is_arriving = is_arriving
        self._claim_key = claim_key
        self._ensure_stored = ensure_stored
        self.clear()

    def clear(self) -> None:
        self._questions: list[QueuedQuestion] = []
        self._set_pause("")

    def load(self, owner: str, conversation_id: str) -> QuestionQueue:
        with self._lock:
            questions = tuple(self._questions) if self._is_open(owner, conversation_id) else ()
            return build_queue(questions, self._reason, self._details, time.monotonic() - self._paused_at)

    def add(self, owner: str, question: QueuedQuestion, idempotency_key: str = "") -> bool:
        with self._lock:
            if not self._is_open(owner, question.conversation_id) or not self._is_arriving():
                return False
            if len(self._questions) >= MAX_QUEUED:
                raise QueueFull
            self._ensure_stored(question.files)
            self._claim_key(owner, idempotency_key)
            if not self._questions:
                self._set_pause("")
            self._questions.append(question)
            return True

    def restore(self, owner: str, question: QueuedQuestion, index: int) -> None:
        with self._lock:
            if not self._is_open(owner, question.conversation_id) or self._index(question) is not None:
                return
            if not self._questions:
                self._set_pause("" if self._is_arriving() else RESTORED)
            self._questions.insert(index, question)

    def edit(self, owner: str, question: QueuedQuestion, text: str) -> None:
        with self._lock:
            index = self._index(question)
            if index is None or not self._is_open(owner, question.conversation_id):
                raise QuestionNotQueued
            if self._questions[index].text != question.text:
                raise QuestionNotQueued
            self._questions[index] = replace(question, text=text)

    def move(self, owner: str, question: QueuedQuestion, step: int) -> None:
        with self._lock:
            index = self._index(question)
            if index is not None and self._is_open(owner, question.conversation_id):
                self._questions.insert(max(0, index + step), self._questions.pop(index))

    def remove(self, owner: str, question: QueuedQuestion) -> None:
        with self._lock:
            index = self._index(question)
            if index is not None and self._is_open(owner, question.conversation_id):
                del self._questions[index]

    def pause(self, owner: str, conversation_id: str, pause: Pause) -> None:
        with self._lock:
            if self._is_open(owner, conversation_id):
                self._replace_pause(pause.reason, pause.details)

    def resume(self, owner: str, conversation_id: str, reason: str = "") -> bool:
        with self._lock:
            is_other = bool(reason) and self._reason != reason
            if is_other or not self._questions or not self._is_open(owner, conversation_id):
                return False
            is_awaited = self._is_arriving()
            self._set_pause("" if is_awaited else HANDOVER)
            return not is_awaited

    def await_answer(self, owner: str, conversation_id: str) -> bool:
        with self._lock:
            is_awaited = self._is_open(owner, conversation_id) and self._is_arriving()
            if is_awaited and self._reason == HANDOVER:
                self._set_pause("")
            return is_awaited

    def claim(self, question: QueuedQuestion) -> None:
        """Remove the question that is sent. Raises QuestionNotQueued."""
        with self._lock:
            index = self._index(question)
            if index is None or self._questions[index].text != question.text or self._reason not in ("", HANDOVER):
                raise QuestionNotQueued
            del self._questions[index]
            self._set_pause("")

    def end_answer(self, outcome: Outcome, answer: Node) -> None:
        """Pause after the end of an answer: a complete one for its handover."""
        with self._lock:
            ids = (answer.parent_id, answer.usage_record_id)
            pause = pause_after_answer(outcome, *ids)
            if pause.reason == HANDOVER and is_made_good(self._reason, self._details, *ids):
                self._set_pause(HANDOVER)
            else:
                self._replace_pause(pause.reason, pause.details)

    def _index(self, question: QueuedQuestion) -> int | None:
        return next((index for index, other in enumerate(self._questions) if other.id == question.id), None)

    def _replace_pause(self, reason: str, details: Mapping[str, Any] | None = None) -> None:
        if self._reason in replaced_reasons(reason):
            self._set_pause(reason, details)

    def _set_pause(self, reason: str, details: Mapping[str, Any] | None = None) -> None:
        self._reason, self._details, self._paused_at = reason, details, time.monotonic()
