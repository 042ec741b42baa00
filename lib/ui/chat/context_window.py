"""Context window of the open conversation: usage notice, choices when a question does not fit, summaries."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from lib.chat.context import window
from lib.chat.context.window import ContextEstimate, ContextWindowExceeded, TruncationPlan
from lib.chat.turns import shorten
from lib.chat.turns.summaries import SUMMARY_MAX_TOKENS, SummaryJob
from lib.core.conversation import Conversation, Node, Truncation
from lib.core.params import Params
from lib.core.target import Target
from lib.core.user import User
from lib.ui.markdown.sanitize import sanitize
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message, shows_errors

POLL_INTERVAL = 1.0  # seconds between two looks at a summary in progress


@dataclass(frozen=True)
class _Overflow:
    """A conversation that exceeds the context window, and the truncations that would make it fit.

    `unsent_text` is the question that was not sent, "" for none. `drop` and `summarise` are None if leaving
    out messages is not enough, or, for `summarise`, where no room is left for a summary.
    """

    conversation: Conversation | None
    nodes: list[Node]
    unsent_text: str
    estimate: ContextEstimate
    drop: TruncationPlan | None
    summarise: TruncationPlan | None


def pop_overflow_consent() -> bool:
    """Forget the held question; return True if it may be sent whatever its length."""
    is_allowed = session_state.send_anyway_conversation == _view_key(conversation_view.current_view())
    del session_state.send_anyway_conversation
    del session_state.held_question
    return is_allowed


def hold_question(text: str) -> None:
    """Hold back a question that exceeds the context window; the next run renders the choices."""
    session_state.held_question = (_view_key(conversation_view.current_view()), text)


def too_long_message(error: ContextWindowExceeded, target: Target) -> str:
    """Return the notice for an edited question that exceeds the context window."""
    sizes = {"tokens": error.estimate.tokens, "limit": error.estimate.context_window}
    return f"{t('context_window.not_sent')} {t('context_window.over_about', model=target.model, **sizes)}"


def estimate_context(view: ConversationView, text: str, target: Target, params: Params) -> ContextEstimate:
    """Estimate the next request: the shown path, followed by a question."""
    limit = services.model(target.model).capabilities.context_window
    return window.estimate_context(view.nodes, text, params, target, limit, _truncation(view))


def render(user: User, target: Target | None, params: Params) -> None:
    """Render the progress of a summary, the choices on overflow, or a notice near the limit."""
    view = conversation_view.current_view()
    job = _summary_job(user)
    if job and job.state == "done":
        _finish_summary(job)
    if job and job.state == "running":
        with st.container(key="summing", horizontal=True, vertical_alignment="center", gap="small"):
            _render_progress(job)
            render_button(t("context_window.cancel"), "summing-cancel", "close", job.cancel, type="secondary")
    elif target and not view.generation:
        key, text = session_state.held_question
        unsent_text = text if key == _view_key(view) else ""
        estimate = estimate_context(view, unsent_text, target, params)
        if estimate.is_over_limit and session_state.send_anyway_conversation != _view_key(view):
            with st.container(key="too-long", gap="small"):
                overflow = _plan_truncations(view, unsent_text, estimate, target, params)
                _render_overflow(user, overflow, target)
        elif unsent_text:
            st.caption(f":material/keyboard_return: {t('context_window.ready')}")
        elif estimate.is_near_limit:
            share = 100 * estimate.tokens // (estimate.context_window or 1)
            notice = t("context_window.near", model=escape_markdown(target.model), share=share)
            st.caption(f":material/data_usage: {notice}")


@contextlib.contextmanager
def truncation_line(user: User, view: ConversationView, node: Node) -> Iterator[None]:
    """Render a line above the first message that is sent to the model, in one container with it."""
    conversation, truncation = view.conversation, _truncation(view)
    if (
        conversation is None
        or truncation is None
        or node.id != truncation.start_id
        or not window.first_sent_index(view.nodes, truncation)
    ):
        yield
        return
    with st.container(key=f"from-{node.id}"):
        summary = window.summary_text(view.nodes, truncation)
        with st.container(key="window-line", horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(t("context_window.summarised" if summary else "context_window.dropped"), width="content")
            render_button(t("context_window.undo"), "window-undo", "undo", _undo_truncation, user, conversation.id)
        if summary:
            with st.expander(t("context_window.summary"), type="compact"):
                st.markdown(sanitize(summary))
        yield


def _truncation(view: ConversationView) -> Truncation | None:
    return view.conversation.truncation if view.conversation else None


def _view_key(view: ConversationView) -> str:
    return view.conversation_id or "new"


def _summary_job(user: User) -> SummaryJob | None:
    conversation_id = conversation_view.current_view().conversation_id
    return services.utility_models().find_summary(user.id, conversation_id) if conversation_id else None


def _plan_truncations(
    view: ConversationView, text: str, estimate: ContextEstimate, target: Target, params: Params
) -> _Overflow:
    limit = estimate.context_window or 0

    def plan(extra_tokens: int) -> TruncationPlan | None:
        result = window.plan_truncation(view.nodes, text, params, target, limit, _truncation(view), extra_tokens)
        return result if result and not result.estimate.is_over_limit else None

    summary_tokens = min(SUMMARY_MAX_TOKENS, limit // 4)
    return _Overflow(view.conversation, view.nodes, text, estimate, plan(0), plan(summary_tokens))


def _overflow_message(overflow: _Overflow, target: Target) -> str:
    message = t(
        "context_window.over" if overflow.estimate.is_counted else "context_window.over_about",
        model=escape_markdown(target.model),
        tokens=overflow.estimate.tokens,
        limit=overflow.estimate.context_window,
    )
    if overflow.unsent_text:
        message = f"{t('context_window.not_sent')} {message}"
    turns = overflow.drop.dropped_turn_count if overflow.drop else 0
    advice = t("context_window.leave_out", count=turns) if turns else t("context_window.too_long")
    return f"{message} {advice}"


def _render_overflow(user: User, overflow: _Overflow, target: Target) -> None:
    """Render the warning and the choices: drop, summarise, start a new chat, or send anyway."""
    st.warning(_overflow_message(overflow, target), icon=":material/data_usage:")
    drop, summarise = overflow.drop, overflow.summarise
    job, can_summarise = _summary_job(user), services.utility_model() is not None
    if job and job.state == "failed":
        st.error(f"{t('context_window.failed')} {code_message(job.error_code)}", icon=":material/error:")
    new_chat_plan = summarise if can_summarise else drop
    # A session has one temporary chat at most.
    has_new_chat = new_chat_plan is not None and not session_state.temporary_store
    with st.container(key="too-long-choice", horizontal=True, gap="small"):
        _render_choice("drop", "content_cut", lambda: _drop_oldest(user, overflow), drop is not None)
        _render_choice(
            "summarise",
            "summarize",
            lambda: _summarise(user, overflow, in_new_conversation=False),
            can_summarise and summarise is not None,
        )
        if can_summarise:
            _render_choice(
                "anew_summed",
                "add_comment",
                lambda: _summarise(user, overflow, in_new_conversation=True),
                has_new_chat,
            )
        else:
            _render_choice("anew", "add_comment", lambda: _start_new_chat(user, overflow), has_new_chat)
        _render_choice("anyway", "send", lambda: _send_anyway(user), True, "tertiary")
    if not can_summarise and not session_state.temporary_store:
        st.caption(t("context_window.no_utility_model"))


def _render_choice(
    name: str,
    icon: str,
    on_click: Callable[[], None],
    is_enabled: bool,
    button_type: Literal["secondary", "tertiary"] = "secondary",
) -> None:
    st.button(
        t(f"context_window.{name}"),
        key=f"too-long-{name}",
        icon=f":material/{icon}:",
        type=button_type,
        disabled=not is_enabled,
        on_click=on_click,
    )


@shows_errors
def _drop_oldest(user: User, overflow: _Overflow) -> None:
    if overflow.conversation and overflow.drop:
        _discard_summary(user)
        shorten.truncate_conversation(
            services.turn_services(), user.id, overflow.conversation.id, overflow.drop.truncation
        )


@shows_errors
def _summarise(user: User, overflow: _Overflow, *, in_new_conversation: bool) -> None:
    if overflow.conversation and overflow.summarise:
        _discard_summary(user)
        shorten.summarise_dropped(
            services.turn_services(),
            user.id,
            overflow.conversation,
            overflow.nodes,
            overflow.summarise.truncation,
            in_new_conversation=in_new_conversation,
        )


@shows_errors
def _start_new_chat(user: User, overflow: _Overflow) -> None:
    if overflow.conversation and overflow.drop:
        conversation = shorten.start_new_conversation(
            services.turn_services(), user.id, overflow.conversation, overflow.nodes, overflow.drop.truncation
        )
        _show_conversation(conversation.id)


def _send_anyway(user: User) -> None:
    _discard_summary(user)
    session_state.send_anyway_conversation = _view_key(conversation_view.current_view())


@shows_errors
def _undo_truncation(user: User, conversation_id: str) -> None:
    shorten.clear_truncation(services.turn_services(), user.id, conversation_id)


def _discard_summary(user: User) -> None:
    """Forget a failed summary after another choice."""
    if job := _summary_job(user):
        services.utility_models().forget_summary(job)


def _show_conversation(conversation_id: str) -> None:
    """Open another conversation and take the held question along."""
    key, text = session_state.held_question
    if key == _view_key(conversation_view.current_view()):
        session_state.held_question = (conversation_id, text)
    st.query_params.from_dict({"c": conversation_id})


def _finish_summary(job: SummaryJob) -> None:
    """Rerun to show the result of a summary, in its new conversation if it has one."""
    services.utility_models().forget_summary(job)
    if job.next_conversation_id:
        _show_conversation(job.next_conversation_id)
    st.rerun()


@st.fragment(run_every=POLL_INTERVAL)
def _render_progress(job: SummaryJob) -> None:
    """Render the progress of a summary; polls for its end."""
    steps = t("context_window.step", step=job.step + 1, steps=job.step_count) if job.step_count > 1 else ""
    st.markdown(f":shimmer[{t('context_window.summarising')}] {steps}", width="content")
    if job.state != "running":
        st.rerun()
