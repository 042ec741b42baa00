"""Questions: sending or queueing a new one, sending an edited one, or the reason why it was not sent."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import queue, turn
from lib.core.conversation import FilePart, Node
from lib.core.errors import AntlerError, DuplicateSubmission, StoreError
from lib.core.question_queue import QueuedQuestion
from lib.core.sanitize import is_blank
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import context_window, drafts, model_picker, params_panel, persona_choice
from lib.ui.composer.drafts import Submission
from lib.ui.files import tray
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import error_message, flash_warning


def send(user: User, text: str) -> None:
    """Send a question, queue it while an answer arrives, or put it into the input with a reason; a callback."""
    slot = conversation_view.draft_slot()
    if not _send_from(user, slot, text, tray.list_parts(slot)):
        drafts.prefill(text)


def submit(user: User, submission: Submission) -> bool:
    """Send or queue a question, once for each key. Returns if it is stored, else shows the reason."""
    try:
        files = tray.resolve(user, submission.slot, submission.files)
    except StoreError as error:
        flash_warning(f"{error_message(error)} {t('composer.text_kept')}")
        return False
    if files is None:
        flash_warning(t("files.gone"))
        return False
    return _send_from(user, submission.slot, submission.text, files, submission.key)


def _send_from(user: User, slot: str, text: str, files: tuple[FilePart, ...], idempotency_key: str = "") -> bool:
    """Send or queue a question; its files leave the tray of the slot once it is stored."""
    nodes = conversation_view.current_view().nodes
    is_stored = _ask(user, _Question(text, files, nodes[-1].id if nodes else None, idempotency_key))
    if is_stored:
        tray.remove_sent(slot, files)
    return is_stored


def send_edit(user: User, question: Node, text: str, files: tuple[FilePart, ...]) -> bool:
    """Send an edited question as a version beside the original. Returns if it was sent.

    It ends a running answer, which a question with a problem does not. Raises StoreError.
    """
    if not _find_problem(text, "", files):
        stop_answer()
    return _ask(user, _Question(text, files, question.parent_id, is_edit=True))


def stop_answer() -> None:
    """Stop the running answer of the open conversation, if there is one. Raises StoreError."""
    if generation := conversation_view.current_view().generation:
        generation.stop()


@dataclass(frozen=True)
class _Question:
    """A question of the user that follows the message `parent_id`; an edited one is not queued."""

    text: str
    files: tuple[FilePart, ...]
    parent_id: str | None
    idempotency_key: str = ""
    is_edit: bool = False


def _ask(user: User, question: _Question) -> bool:
    """Send or queue a question. Returns True, or shows the reason and returns False."""
    notice = "" if question.is_edit else t("composer.text_kept")
    target = model_picker.current_target()
    problem = _find_problem(question.text, notice, question.files)
    if problem or target is None:
        flash_warning(problem)
        return False
    try:
        sent = _send(user, question, target)
    except DuplicateSubmission as error:
        _show(error.conversation_id)
        return True
    except ContextWindowExceeded as error:
        if question.is_edit:
            flash_warning(context_window.too_long_message(error, target))
        else:
            context_window.hold_question(question.text)
        return False
    except AntlerError as error:
        flash_warning(f"{error_message(error)} {notice}")
        return False
    if isinstance(sent, QueuedQuestion):
        return True
    _open_sent(user, target, sent)
    if sent.is_new_branch and not question.is_edit:
        flash_warning(t("composer.new_branch"))
    return True


def _send(user: User, question: _Question, target: Target) -> turn.SentQuestion | QueuedQuestion:
    """Send or queue a question with the settings of the composer. Raises as `queue.ask_or_queue`."""
    view = conversation_view.current_view()
    return (turn.ask if question.is_edit else queue.ask_or_queue)(
        services.turn_services(),
        user.id,
        view.conversation_id,
        question.text,
        target,
        params_panel.current_params(),
        question.parent_id,
        allow_overflow=not question.is_edit and context_window.pop_overflow_consent(),
        persona=persona_choice.current_persona(),
        idempotency_key=question.idempotency_key,
        folder=view.new_folder,
        files=question.files,
    )


def _open_sent(user: User, target: Target, sent: turn.SentQuestion) -> None:
    """Open the conversation of a question that was sent."""
    _show(sent.conversation.id)
    undo.dismiss()
    model_picker.record_use(user, target)


def _find_problem(text: str, notice: str, files: tuple[FilePart, ...]) -> str:
    """Return the reason why a question cannot be sent with the composer as it is, "" without one."""
    if is_blank(text) and not files:
        return t("composer.blank")
    if model_picker.current_target() is None:
        return t("composer.no_model")
    invalid_json = params_panel.invalid_json_message()
    return f"{invalid_json} {notice}" if invalid_json else ""


def _show(conversation_id: str) -> None:
    """Open a conversation, which knows its target."""
    st.query_params.from_dict({} if session_state.temporary_store else {"c": conversation_id})
