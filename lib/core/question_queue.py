"""Queued questions: they wait for the answer before them, and a pause stops them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.core.conversation import FilePart, Outcome
from lib.core.params import Params
from lib.core.target import Target

MAX_QUEUED = 10  # questions in one conversation
# Reasons of a pause besides the outcomes of answers and the codes of errors.
EDITING = "editing"  # a question is being edited
OTHER_KEY = "other_key"  # the API key that the question was queued for is not in use any more
ARCHIVED = "archived"
RESTORED = "restored"  # its only question was removed, and then restored
# The time between the end of an answer and the next question, in the process that has produced the answer.
HANDOVER = "handover"
# Outcomes of an answer that another attempt makes good. One that the user has stopped is not among them.
_FAILURES = frozenset(set(Outcome) - {Outcome.ARRIVING, Outcome.COMPLETE, Outcome.STOPPED})
# In the details of such a pause: the ids of the question that the answer was for, and of its request.
_QUESTION, _REQUEST = "question", "request"
HANDOVER_TIMEOUT = 20.0  # seconds, after which that process is taken to be dead


@dataclass(frozen=True)
class QueuedQuestion:
    """A question with the target and the parameters that were chosen when it was queued.

    `path_end_id` is the last node of the path that its author saw. `uses_personal_key` is set if it was queued
    with the user's own API key.
    """

    id: str
    conversation_id: str
    text: str
    target: Target
    params: Params
    created_at: float
    path_end_id: str | None = None
    uses_personal_key: bool = False
    files: tuple[FilePart, ...] = ()


@dataclass(frozen=True)
class Pause:
    """Reason why nothing is sent until the user says so, and the values of its message."""

    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QuestionQueue:
    """The questions of a conversation that wait, the next one first; `pause` is None while they will be sent.

    `is_handing_over` is set while the next one is about to be sent.
    """

    questions: tuple[QueuedQuestion, ...] = ()
    pause: Pause | None = None
    is_handing_over: bool = False


def build_queue(
    questions: tuple[QueuedQuestion, ...], reason: str, details: Mapping[str, Any] | None, age: float
) -> QuestionQueue:
    """Build a queue of its stored state; `age` is that of the pause in seconds."""
    if not questions or not reason:
        return QuestionQueue(questions)
    if reason in _FAILURES:
        return QuestionQueue(questions, Pause(reason))
    if reason != HANDOVER:
        return QuestionQueue(questions, Pause(reason, details or {}))
    if age < HANDOVER_TIMEOUT:
        return QuestionQueue(questions, None, True)
    return QuestionQueue(questions, Pause(Outcome.INTERRUPTED))


def pause_after_answer(outcome: Outcome, question_id: str | None, request_id: str) -> Pause:
    """Return the pause of a queue when the answer to a question has ended: a complete one is for its handover."""
    if outcome is Outcome.COMPLETE:
        return Pause(HANDOVER)
    return Pause(outcome, {_QUESTION: question_id, _REQUEST: request_id} if outcome in _FAILURES else {})


def is_made_good(reason: str, details: Mapping[str, Any] | None, question_id: str | None, request_id: str) -> bool:
    """Tell if a pause was caused by an answer to this question, which a later request has completed.

    The late end of the request that was taken to have failed completes it, too, and ends no pause.
    """
    details = details or {}
    is_retry = details.get(_QUESTION) == question_id and details.get(_REQUEST) != request_id
    return reason in _FAILURES and question_id is not None and is_retry


def replaced_reasons(reason: str) -> tuple[str, ...]:
    """Return the reasons, "" for no pause, that a pause for this one replaces.

    What the user has to know about stays until the user resumes.
    """
    match reason:
        case "handover":
            return ("",)
        case "editing":
            return ("", HANDOVER)
        case _:
            return ("", HANDOVER, EDITING)
