"""Queued questions below the last message: edit, move, remove, and the reason of a pause."""

from __future__ import annotations

import time
from functools import partial

import streamlit as st

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import queue
from lib.core.errors import QuestionNotQueued, StoreError
from lib.core.question_queue import HANDOVER_TIMEOUT, Pause, QueuedQuestion
from lib.core.sanitize import is_blank
from lib.core.user import User
from lib.ui.composer import context_window, drafts, model_picker, params_panel
from lib.ui.files import message_files, tray
from lib.ui.markdown import written_text
from lib.ui.server import streamlit_private
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, has_message, t
from lib.ui.widgets import undo
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message, error_message, flash_warning, shows_errors

POLL_INTERVAL = 0.1  # seconds between two looks at a queue whose next question is about to be sent


def render(user: User, view: ConversationView) -> None:
    """Render the questions that wait, the next one first, as subdued messages."""
    waiting = view.queue
    if not waiting.questions:
        return
    with st.container(key="queue"):
        for index, question in enumerate(waiting.questions):
            with st.container(key=f"queued-{question.id}"):
                if session_state.edited_queued_id == question.id:
                    _render_editor(user, question, index + 1)
                else:
                    with st.chat_message("user", avatar=":material/person:"):
                        message_files.render(question.id, question.files, message_files.load(user, question.files))
                        written_text.render(question.text, question.id)
                    _render_actions(user, view, question, index)
        if waiting.pause:
            _render_pause(user, view, waiting.pause)


def follow(user: User, view: ConversationView) -> None:
    """Rerun if the end of an answer has changed the queue: its first question was sent, or it was paused.

    Streamlit may end the run here, after a click, a page change or a disconnect.
    """
    if not view.generation and (view.queue.pause or not view.queue.questions):
        return
    deadline = time.monotonic() + HANDOVER_TIMEOUT
    while view.conversation_id and time.monotonic() < deadline:
        try:
            current = conversation_view.load_queue(user.id, view.conversation_id)
        except StoreError:
            return
        running = resources.generations().find(user.id, view.conversation_id)
        is_ending = running is not None and running is view.generation
        if not (current.is_handing_over or (is_ending and current.questions)):
            if current != view.queue:
                st.rerun()
            return
        time.sleep(POLL_INTERVAL)
        streamlit_private.check_interrupted()


def _render_actions(user: User, view: ConversationView, question: QueuedQuestion, index: int) -> None:
    count = len(view.queue.questions)
    with st.container(
        key=f"below-queued-{question.id}", horizontal=True, horizontal_alignment="right", vertical_alignment="center"
    ):
        st.caption(f":material/schedule: {_describe(question)}", width="content")
        number, name = index + 1, question.id
        label = t("queue.edit", number=number)
        # A second editor would close the first, with what was typed there.
        is_other_edited = _is_editing(view)
        render_button(label, f"queue-edit-{name}", "edit", _begin_edit, user, question, disabled=is_other_edited)
        if count > 1:
            label, is_first, is_last = t("queue.move_up", number=number), not index, number == count
            render_button(label, f"queue-up-{name}", "arrow_upward", _move, user, question, -1, disabled=is_first)
            label = t("queue.move_down", number=number)
            render_button(label, f"queue-down-{name}", "arrow_downward", _move, user, question, 1, disabled=is_last)
        render_button(t("queue.remove", number=number), f"queue-remove-{name}", "close", _remove, user, question, index)


def _describe(question: QueuedQuestion) -> str:
    """Say that a question waits, with its target and parameters if they are not those of the composer."""
    facts = [t("queue.waiting")]
    if question.target != model_picker.current_target():
        wire = t(f"wire.{question.target.wire}")
        facts.append(f"{escape_markdown(question.target.model)} ({wire})")
    if question.params != params_panel.current_params():
        facts.append(t("queue.other_params"))
    return " · ".join(facts)


def _render_editor(user: User, question: QueuedQuestion, number: int) -> None:
    label, key = t("queue.edit", number=number), f"queue-editor-{question.id}"
    with st.form(f"queue-form-{question.id}", border=False):
        st.text_area(label, question.text, key=key, height="content", label_visibility="collapsed")
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            cancel_key = f"close-queue-{question.id}"
            st.form_submit_button(t("edit.cancel"), key=cancel_key, on_click=_end_edit, args=(user, question, None))
            st.form_submit_button(t("queue.save"), type="primary", on_click=_end_edit, args=(user, question, key))


def _render_pause(user: User, view: ConversationView, pause: Pause) -> None:
    """Render the reason why nothing is sent, with the buttons that change that."""
    with st.container(key="queue-pause", horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(f":material/pause_circle: {escape_markdown(_pause_message(view, pause))}", width="content")
        # The text in an open editor would not be the one that is sent.
        is_editing = _is_editing(view)
        label, icon = ("queue.resume", "play_arrow") if view.generation else ("queue.send_now", "send")
        buttons = [(t(label), "queue-resume", icon, False)]
        if pause.reason == ContextWindowExceeded.code:
            buttons.append((t("context_window.anyway"), "queue-anyway", "send", True))
        for label, key, icon, allow_overflow in buttons:
            render_button(label, key, icon, _resume, user, view, allow_overflow, type="secondary", disabled=is_editing)


def _is_editing(view: ConversationView) -> bool:
    """Tell if one of the questions is being edited."""
    return session_state.edited_queued_id in {question.id for question in view.queue.questions}


def _pause_message(view: ConversationView, pause: Pause) -> str:
    key = f"queue.paused_{pause.reason}"
    if has_message(key):
        return t(key)
    error = queue.refusal_of(pause)
    if isinstance(error, ContextWindowExceeded) and view.queue.questions:
        reason = context_window.too_long_message(error, view.queue.questions[0].target)
    else:
        reason = error_message(error) if error else code_message(pause.reason)
    return f"{t('queue.paused')} {reason}"


@shows_errors
def _begin_edit(user: User, question: QueuedQuestion) -> None:
    queue.begin_edit(services.turn_services(), user.id, question.conversation_id)
    session_state.edited_queued_id = question.id


@shows_errors
def _end_edit(user: User, question: QueuedQuestion, field_key: str | None) -> None:
    text = session_state.widget(field_key) if field_key else None
    if text is not None and is_blank(text) and not question.files:
        flash_warning(t("composer.blank"))
        return
    session_state.edited_queued_id = None
    try:
        queue.end_edit(services.turn_services(), user.id, question, text)
    except QuestionNotQueued:
        # It was sent or removed in another tab.
        drafts.prefill(text or question.text)
        tray.add_parts(conversation_view.draft_slot(), question.files)
        raise


@shows_errors
def _move(user: User, question: QueuedQuestion, step: int) -> None:
    services.current_store().queue.move(user.id, question, step)


@shows_errors
def _remove(user: User, question: QueuedQuestion, index: int) -> None:
    store = services.current_store().queue
    store.remove(user.id, question)
    undo.offer(t("queue.removed"), partial(store.restore, user.id, question, index), question.conversation_id)


@shows_errors
def _resume(user: User, view: ConversationView, allow_overflow: bool) -> None:
    session_state.edited_queued_id = None
    if view.conversation_id:
        queue.resume(services.turn_services(), user.id, view.conversation_id, allow_overflow=allow_overflow)
