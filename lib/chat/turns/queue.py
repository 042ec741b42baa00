"""The question queue: a question asked while an answer arrives waits for its end, and is sent then."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lib.chat.context.window import ContextEstimate, ContextWindowExceeded
from lib.chat.turns import turn
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.services import TurnServices
from lib.chat.turns.turn import HEAD, SentQuestion
from lib.core import errors, tree
from lib.core.attachment_errors import FileNotSendable
from lib.core.conversation import FilePart, Node, Outcome, new_id
from lib.core.errors import AntlerError, LimitExceededError
from lib.core.params import Params
from lib.core.prompts import Persona
from lib.core.question_queue import ARCHIVED, EDITING, OTHER_KEY, Pause, QuestionQueue, QueuedQuestion
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target

log = logging.getLogger(__name__)

RETRY_PAUSE, MAX_RETRIES = 0.05, 60  # while another turn of the conversation begins; seconds
_LIMIT_FIELDS = ("scope", "limit_name", "hard_limit", "remaining", "requested", "resets_at", "retry_after")
_ESTIMATE_FIELDS = ("tokens", "context_window", "is_counted")


def ask_or_queue(
    services: TurnServices,
    owner: str,
    conversation_id: str | None,
    text: str,
    target: Target,
    params: Params,
    parent_id: str | None = HEAD,
    *,
    allow_overflow: bool = False,
    idempotency_key: str = "",
    persona: Persona | None = None,
    folder: str = "",
    files: tuple[FilePart, ...] = (),
) -> SentQuestion | QueuedQuestion:
    """Send a question as `turn.ask`, or queue it while an answer is arriving in the conversation.

    Raises as `turn.ask`, and QueueFull.
    """
    request = (text, target, params, parent_id)
    turn.ensure_new_submission(services, owner, idempotency_key)  # before a full queue refuses it
    for _ in range(MAX_RETRIES if conversation_id else 1):
        if conversation_id and (question := _queue(services, owner, conversation_id, *request, idempotency_key, files)):
            return question
        try:
            return turn.ask(
                services,
                owner,
                conversation_id,
                *request,
                allow_overflow=allow_overflow,
                idempotency_key=idempotency_key,
                persona=persona,
                folder=folder,
                files=files,
            )
        except errors.TurnInProgress:
            # Another tab's answer is not stored yet, or is stored as finished and still leaves the registry.
            time.sleep(RETRY_PAUSE)
    raise errors.TurnInProgress


def _queue(
    services: TurnServices,
    owner: str,
    conversation_id: str,
    text: str,
    target: Target,
    params: Params,
    parent_id: str | None,
    idempotency_key: str,
    files: tuple[FilePart, ...],
) -> QueuedQuestion | None:
    """Queue a question if an answer is arriving in its conversation, else return None."""
    # An answer without a producer must not hold the question back.
    services.store.messages.mark_stale(STALE_AFTER, services.generations.list_produced_ids())
    path_end_id = None if parent_id == HEAD else parent_id
    facts = (replace_surrogates(text), target, params, time.time(), path_end_id, services.uses_personal_key)
    question = QueuedQuestion(new_id(), conversation_id, *facts, files)
    return question if services.store.queue.add(owner, question, idempotency_key) else None


def send_next(services: TurnServices, owner: str, conversation_id: str, answer_id: str) -> None:
    """Send the first queued question after the end of an answer, unless its queue is paused; never raises.

    It continues the path of that answer, or another one where its author has asked it. Each refusal pauses the
    queue. Of several processes that try, one sends it.
    """
    try:
        _send_first(services, owner, conversation_id, answer_id)
    except AntlerError:
        log.warning("a queued question could not be sent", exc_info=True)
    except Exception:  # noqa: BLE001  the worker of the answer has to come to its end
        log.exception("a queued question could not be sent")


def resume(
    services: TurnServices, owner: str, conversation_id: str, *, reason: str = "", allow_overflow: bool = False
) -> None:
    """End a pause, or only one with this reason; without an arriving answer, send the first question.

    It continues the shown path, whatever key and length it was queued with if `allow_overflow`. A refusal pauses the
    queue again. Raises StoreError.
    """
    services.store.messages.mark_stale(STALE_AFTER, services.generations.list_produced_ids())
    if services.store.queue.resume(owner, conversation_id, reason):
        _send_first(services, owner, conversation_id, None, allow_overflow=allow_overflow)


def begin_edit(services: TurnServices, owner: str, conversation_id: str) -> None:
    """Pause a queue, so that no question is sent while it is edited. Raises StoreError."""
    services.store.queue.pause(owner, conversation_id, Pause(EDITING))


def end_edit(services: TurnServices, owner: str, question: QueuedQuestion, text: str | None) -> None:
    """Store the new text of a question, unless it is None, and end the pause for its edit.

    Raises QuestionNotQueued and StoreError.
    """
    try:
        if text is not None and text != question.text:
            services.store.queue.edit(owner, question, replace_surrogates(text))
    finally:
        resume(services, owner, question.conversation_id, reason=EDITING)


def refusal_of(pause: Pause) -> AntlerError | None:
    """Return the error that a pause was made of, for its message; None for another one."""
    if pause.reason == LimitExceededError.code:
        return LimitExceededError(*(pause.details.get(name) for name in _LIMIT_FIELDS))  # type: ignore[arg-type]
    if pause.reason == ContextWindowExceeded.code:
        return ContextWindowExceeded(ContextEstimate(*(pause.details.get(name) for name in _ESTIMATE_FIELDS)))  # type: ignore[arg-type]
    if pause.reason == FileNotSendable.code:
        return FileNotSendable(pause.details.get("name", ""), **pause.details.get("values", {}))
    return None


def _send_first(
    services: TurnServices, owner: str, conversation_id: str, answer_id: str | None, *, allow_overflow: bool = False
) -> None:
    store = services.store.queue
    for _ in range(MAX_RETRIES):
        queue = store.load(owner, conversation_id)
        if not queue.questions or queue.pause:
            return
        try:
            _ask_queued(services, owner, queue, answer_id, allow_overflow=allow_overflow)
        except errors.QuestionNotQueued:
            continue  # sent, changed, moved, removed or paused meanwhile
        except errors.TurnInProgress:
            if store.await_answer(owner, conversation_id):
                return
            time.sleep(RETRY_PAUSE)
        except AntlerError as error:
            store.pause(owner, conversation_id, Pause(error.code, _details_of(error)))
            return
        except Exception:
            store.pause(owner, conversation_id, Pause(errors.UnexpectedError.code))
            raise
        else:
            return


def _ask_queued(
    services: TurnServices, owner: str, queue: QuestionQueue, answer_id: str | None, *, allow_overflow: bool
) -> None:
    """Send the first question of a queue. Raises as `turn.ask`."""
    question, conversation_id = queue.questions[0], queue.questions[0].conversation_id
    parent_id: str | None = HEAD
    if answer_id is not None:
        limits = services.renew_limits()
        if limits is None or question.uses_personal_key != services.uses_personal_key:
            services.store.queue.pause(owner, conversation_id, Pause(OTHER_KEY))
            return
        if turn.load_conversation(services, owner, conversation_id).archived:
            services.store.queue.pause(owner, conversation_id, Pause(ARCHIVED))
            return
        services = replace(services, limit_enforcer=limits)
        parent_id = _find_parent(services.store.messages.nodes(owner, conversation_id), answer_id, question)
    turn.ask(
        services,
        owner,
        conversation_id,
        question.text,
        question.target,
        question.params,
        parent_id,
        allow_overflow=allow_overflow,
        queued=question,
        files=question.files,
    )


def _find_parent(nodes: Sequence[Node], answer_id: str, question: QueuedQuestion) -> str:
    """Return the end of the path that a question continues: that of the answer, or the one where it was asked.

    An answer that was asked for again after it had failed is replaced by the new one.
    """
    path, end_id = tree.path(nodes, answer_id), question.path_end_id
    end = next((node for node in tree.visible_nodes(nodes) if node.id == end_id), None)
    if end is None or end.id in {node.id for node in path}:
        return answer_id
    is_replaced = end.outcome is not Outcome.COMPLETE and end.parent_id in {node.parent_id for node in path}
    return answer_id if is_replaced else tree.newest_leaf(nodes, end.id)


def _details_of(error: AntlerError) -> Mapping[str, Any]:
    """Return the values that the message of a refusal needs."""
    if isinstance(error, LimitExceededError):
        return {name: getattr(error, name) for name in _LIMIT_FIELDS}
    if isinstance(error, ContextWindowExceeded):
        return {name: getattr(error.estimate, name) for name in _ESTIMATE_FIELDS}
    if isinstance(error, FileNotSendable):
        return {"name": error.name, "values": error.values}
    return {}
