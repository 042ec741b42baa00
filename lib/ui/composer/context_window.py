"""Context window of the open conversation: usage notice, choices when a question does not fit, summaries."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.chat.attachments import FilePlan
from lib.chat.context import window
from lib.chat.context.window import ContextEstimate, ContextWindowExceeded, TruncationPlan
from lib.chat.turns import request_files, shorten
from lib.chat.turns.summaries import SUMMARY_MAX_TOKENS, SummaryJob
from lib.core.conversation import Node, Truncation
from lib.core.extra_json import absorb_extra
from lib.core.params import Params
from lib.core.target import Target
from lib.core.user import User
from lib.ui.composer import drafts
from lib.ui.markdown.sanitize import sanitize
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import Args, render_button
from lib.ui.widgets.errors import code_message, shows_errors

POLL_INTERVAL = 1.0  # seconds between two looks at a summary in progress


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


def estimate_context(
    view: ConversationView, text: str, target: Target, params: Params, files: FilePlan
) -> ContextEstimate:
    """Estimate the next request: the shown path, followed by a question, with their files as planned."""
    limit = services.model(target.model).capabilities.context_window
    params = view.add_instructions(absorb_extra(target.wire, params))
    tokens = request_files.count_tokens(files, view.nodes, _truncation(view), text)
    return window.estimate_context(view.nodes, text, params, target, limit, _truncation(view), tokens)


def render(user: User, target: Target | None, params: Params, files: FilePlan) -> None:
    """Render the progress of a summary, the choices on overflow, or a notice near the limit.

    `files` are those of the next request.
    """
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
        estimate = estimate_context(view, unsent_text, target, params, files)
        if estimate.is_over_limit and session_state.send_anyway_conversation != _view_key(view):
            with st.container(key="too-long", gap="small"):
                plans = _plan_truncations(view, unsent_text, estimate.context_window or 0, target, params, files)
                _render_overflow(user, view, unsent_text, estimate, target, plans)
        elif unsent_text:
            st.caption(f":material/keyboard_return: {t('context_window.ready')}")
        elif estimate.is_near_limit:
            share = 100 * estimate.tokens // (estimate.context_window or 1)
            notice = t("context_window.near", model=escape_markdown(target.model), share=share)
            st.caption(f":material/data_usage: {notice}")


def begins_request(view: ConversationView, node: Node) -> bool:
    """Tell if a message is the first one that is sent to the model, after others that are left out."""
    truncation = _truncation(view)
    return (
        truncation is not None
        and node.id == truncation.start_id
        and bool(window.first_sent_index(view.nodes, truncation))
    )


def render_truncation_line(user: User, view: ConversationView) -> None:
    """Render the line above the first message that is sent to the model, with a summary of those above if any."""
    conversation, truncation = view.conversation, _truncation(view)
    assert conversation is not None and truncation is not None
    summary = window.summary_text(view.nodes, truncation)
    with st.container(key="window-line", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(t("context_window.summarised" if summary else "context_window.dropped"), width="content")
        render_button(t("context_window.undo"), "window-undo", "undo", _undo_truncation, user, conversation.id)
    if summary:
        with st.expander(t("context_window.summary"), type="compact"):
            st.markdown(sanitize(summary))
    else:
        st.empty()


def _truncation(view: ConversationView) -> Truncation | None:
    return view.conversation.truncation if view.conversation else None


def _view_key(view: ConversationView) -> str:
    return view.conversation_id or "new"


def _summary_job(user: User) -> SummaryJob | None:
    conversation_id = conversation_view.current_view().conversation_id
    return services.utility_models().find_summary(user.id, conversation_id) if conversation_id else None


def _overflow_message(estimate: ContextEstimate, target: Target, dropped_turn_count: int, *, is_unsent: bool) -> str:
    message = t(
        "context_window.over" if estimate.is_counted else "context_window.over_about",
        model=escape_markdown(target.model),
        tokens=estimate.tokens,
        limit=estimate.context_window,
    )
    if is_unsent:
        message = f"{t('context_window.not_sent')} {message}"
    advice = "context_window.leave_out" if dropped_turn_count else "context_window.too_long"
    return f"{message} {t(advice, count=dropped_turn_count)}"


def _plan_truncations(
    view: ConversationView, unsent_text: str, limit: int, target: Target, params: Params, files: FilePlan
) -> tuple[TruncationPlan | None, TruncationPlan | None]:
    """Plan what is left out of the next request, without and with a summary of it; None if it does not fit even so."""
    params, truncation = view.add_instructions(params), _truncation(view)
    tokens = request_files.count_tokens(files, view.nodes, truncation, unsent_text)

    def plan(extra_tokens: int) -> TruncationPlan | None:
        result = window.plan_truncation(
            view.nodes, unsent_text, params, target, limit, truncation, extra_tokens, tokens
        )
        return result if result and not result.estimate.is_over_limit else None

    return plan(0), plan(min(SUMMARY_MAX_TOKENS, limit // 4))


def _render_overflow(
    user: User,
    view: ConversationView,
    unsent_text: str,
    estimate: ContextEstimate,
    target: Target,
    plans: tuple[TruncationPlan | None, TruncationPlan | None],
) -> None:
    """Render the warning and the choices: drop, summarise, start a new chat, or send anyway."""
    drop, summarise = plans
    dropped_turn_count = drop.dropped_turn_count if drop else 0
    message = _overflow_message(estimate, target, dropped_turn_count, is_unsent=bool(unsent_text))
    st.warning(message, icon=":material/data_usage:")
    job, can_summarise = _summary_job(user), services.utility_model() is not None
    if job and job.state == "failed":
        st.error(f"{t('context_window.failed')} {code_message(job.error_code)}", icon=":material/error:")
    new_chat_plan = summarise if can_summarise else drop
    # A session has one temporary chat at most.
    has_new_chat = new_chat_plan is not None and not session_state.temporary_store
    with st.container(key="too-long-choice", horizontal=True, gap="small"):
        _render_choice("drop", "content_cut", drop is not None, _drop_oldest, user, view, drop)
        has_summary = can_summarise and summarise is not None
        _render_choice("summarise", "summarize", has_summary, _summarise, user, view, summarise, False)
        if can_summarise:
            _render_choice("anew_summed", "add_comment", has_new_chat, _summarise, user, view, summarise, True)
        else:
            _render_choice("anew", "add_comment", has_new_chat, _start_new_chat, user, view, drop)
        render_button(t("context_window.anyway"), "too-long-anyway", "send", _send_anyway, user)
    if not can_summarise and not session_state.temporary_store:
        st.caption(t("context_window.no_utility_model"))


def _render_choice(name: str, icon: str, is_enabled: bool, on_click: Callable[[*Args], None], *args: *Args) -> None:
    label, is_disabled = t(f"context_window.{name}"), not is_enabled
    render_button(label, f"too-long-{name}", icon, on_click, *args, type="secondary", disabled=is_disabled)


@shows_errors
def _drop_oldest(user: User, view: ConversationView, plan: TruncationPlan | None) -> None:
    if view.conversation and plan:
        _discard_summary(user)
        conversations = services.current_store().conversations
        conversations.set_truncation(user.id, view.conversation.id, plan.truncation)


@shows_errors
def _summarise(user: User, view: ConversationView, plan: TruncationPlan | None, in_new_conversation: bool) -> None:
    if view.conversation and plan:
        _discard_summary(user)
        shorten.summarise_dropped(
            services.turn_services(),
            user.id,
            view.conversation,
            view.nodes,
            plan.truncation,
            in_new_conversation=in_new_conversation,
        )


@shows_errors
def _start_new_chat(user: User, view: ConversationView, plan: TruncationPlan | None) -> None:
    if view.conversation and plan:
        conversation = shorten.start_new_conversation(
            services.turn_services(), user.id, view.conversation, view.nodes, plan.truncation
        )
        _show_conversation(conversation.id)


def _send_anyway(user: User) -> None:
    _discard_summary(user)
    session_state.send_anyway_conversation = _view_key(conversation_view.current_view())


@shows_errors
def _undo_truncation(user: User, conversation_id: str) -> None:
    services.current_store().conversations.set_truncation(user.id, conversation_id, None)


def _discard_summary(user: User) -> None:
    """Forget a failed summary after another choice."""
    if job := _summary_job(user):
        services.utility_models().forget_summary(job)


def _show_conversation(conversation_id: str) -> None:
    """Open another conversation and take the held question along."""
    key, text = session_state.held_question
    if key == _view_key(conversation_view.current_view()):
        session_state.held_question = (conversation_id, text)
        drafts.prefill(text)
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
