"""A path that is too long: the warning before sending, the choice, and the line where sending begins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lib.chat.context import window
from lib.chat.context.window import ContextEstimate, ContextWindowExceeded, TruncationPlan
from lib.chat.turns import shorten
from lib.chat.turns.summaries import SUMMARY_MAX_TOKENS, SummaryJob
from lib.core.conversation import Conversation, Node
from lib.core.params import Params
from lib.core.target import Target
from lib.core.user import User
from lib.ui.markdown.sanitize import sanitize
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets.errors import code_message, shows_errors

POLL_INTERVAL = 1.0  # seconds between two looks at a summary that is being made


@dataclass(frozen=True)
class _OverflowCase:
    """What there is to choose about: the question that waits, how much it needs, what could be left out."""

    text: str
    estimate: ContextEstimate
    drop_plan: TruncationPlan | None
    summary_plan: TruncationPlan | None


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
    return f"{t('window.held')} {t('window.over_about', model=target.model, **sizes)}"


def estimate_context(
    view: conversation_view.ConversationView, text: str, target: Target, params: Params
) -> ContextEstimate:
    """What a next request needs, with that question behind what is shown."""
    limit = services.model(target.model).capabilities.context_window
    kept = view.conversation.truncation if view.conversation else None
    return window.estimate_context(view.nodes, text, params, target, limit, kept)


def render(user: User, target: Target | None, params: Params) -> None:
    """In the place above the box: a quiet line where the window fills, the choice where it is too small."""
    shown = conversation_view.current_view()
    job = _summary_job(user)
    if job and job.state == "done":
        _finish_summary(job)
    if job and job.state == "running":
        with st.container(key="summing", horizontal=True, vertical_alignment="center", gap="small"):
            _render_progress(job)
            st.button(t("window.cancel"), key="summing-cancel", icon=":material/close:", on_click=job.cancel)
    elif target and not shown.generation:
        name, text = session_state.held_question
        text = text if name == _view_key(shown) else ""
        need = estimate_context(shown, text, target, params)
        if need.is_over_limit and session_state.send_anyway_conversation != _view_key(shown):
            with st.container(key="too-long", gap="small"):
                _render_choices(user, _build_overflow_case(shown, text, need, target, params), target)
        elif text:
            st.caption(f":material/keyboard_return: {t('window.ready')}")
        elif need.is_near_limit:
            _render_near_limit(need, target)


@contextlib.contextmanager
def truncation_line(user: User, view: conversation_view.ConversationView, node: Node) -> Iterator[None]:
    """Put the line before a node where sending begins at it; both are one place of the page then."""
    conversation = view.conversation
    kept = conversation.truncation if conversation else None
    if (
        conversation is None
        or kept is None
        or node.id != kept.start
        or not window.first_sent_index(view.nodes, kept)
    ):
        yield
        return
    with st.container(key=f"from-{node.id}"):
        said = window.summary_text(view.nodes, kept)
        with st.container(key="window-line", horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(t("window.summed" if said else "window.dropped"), width="content")
            st.button(
                t("window.undo"),
                key="window-undo",
                icon=":material/undo:",
                type="tertiary",
                on_click=_undo_truncation,
                args=(user, conversation.id),
            )
        if said:
            with st.expander(t("window.summary"), type="compact"):
                st.markdown(sanitize(said))
        yield


def _view_key(view: conversation_view.ConversationView) -> str:
    """What the shown conversation is called here; one that has not begun has no id."""
    return view.conversation_id or "new"


def _summary_job(user: User) -> SummaryJob | None:
    shown = conversation_view.current_view().conversation_id
    return services.utility_models().find_summary(user.id, shown) if shown else None


def _build_overflow_case(
    view: conversation_view.ConversationView,
    text: str,
    estimate: ContextEstimate,
    target: Target,
    params: Params,
) -> _OverflowCase:
    limit = estimate.context_window or 0
    kept = view.conversation.truncation if view.conversation else None
    drop = window.plan_truncation(view.nodes, text, params, target, limit, kept)
    more = min(SUMMARY_MAX_TOKENS, limit // 4)
    return _OverflowCase(
        text, estimate, drop, window.plan_truncation(view.nodes, text, params, target, limit, kept, more)
    )


def _render_near_limit(estimate: ContextEstimate, target: Target) -> None:
    share = 100 * estimate.tokens // (estimate.context_window or 1)
    st.caption(f":material/data_usage: {t('window.near', model=escape_markdown(target.model), share=share)}")


def _render_choices(user: User, case: _OverflowCase, target: Target) -> None:
    """The warning, with what would be left out, and what can be done about it."""
    sizes = {"tokens": case.estimate.tokens, "limit": case.estimate.context_window}
    about = t(
        "window.over" if case.estimate.is_counted else "window.over_about",
        model=escape_markdown(target.model),
        **sizes,
    )
    about = f"{t('window.held')} {about}" if case.text else about
    fits = bool(case.drop_plan and not case.drop_plan.estimate.is_over_limit)
    more = (
        t("window.out", count=case.drop_plan.dropped_turn_count)
        if case.drop_plan and fits
        else t("window.alone")
    )
    st.warning(f"{about} {more}", icon=":material/data_usage:")
    job, cheap = _summary_job(user), services.utility_model()
    if job and job.state == "failed":
        st.error(f"{t('window.failed')} {code_message(job.error_code)}", icon=":material/error:")
    summing = bool(case.summary_plan and not case.summary_plan.estimate.is_over_limit)
    with st.container(key="too-long-choice", horizontal=True, gap="small"):
        _render_button("drop", "content_cut", _drop_oldest, user, case, off=not fits)
        _render_button("summarise", "summarize", _summarise, user, case, off=not (summing and cheap))
        words = "anew_summed" if cheap else "anew"
        # There is one temporary chat, not two.
        off = bool(session_state.temporary_store) or not (summing if cheap else fits)
        _render_button(words, "add_comment", _start_new_conversation, user, case, off=off)
        _render_button("anyway", "send", _send_anyway, user, case, kind="tertiary")
    if not cheap and not session_state.temporary_store:
        st.caption(t("window.no_cheap"))


def _render_button(
    name: str, icon: str, action: Callable[..., None], user: User, case: _OverflowCase, **options: Any
) -> None:
    st.button(
        t(f"window.{name}"),
        key=f"too-long-{name}",
        icon=f":material/{icon}:",
        type=options.get("kind", "secondary"),
        disabled=options.get("off", False),
        on_click=action,
        args=(user, case),
    )


def _open_conversation() -> Conversation:
    conversation = conversation_view.current_view().conversation
    assert conversation  # there is a path to leave something out of
    return conversation


@shows_errors
def _drop_oldest(user: User, case: _OverflowCase) -> None:
    assert case.drop_plan
    _discard_summary(user)
    shorten.truncate_conversation(
        services.turn_services(), user.id, _open_conversation().id, case.drop_plan.truncation
    )


@shows_errors
def _summarise(user: User, case: _OverflowCase) -> None:
    _start_summary(user, case, in_new_conversation=False)


@shows_errors
def _start_new_conversation(user: User, case: _OverflowCase) -> None:
    if services.utility_model():
        _start_summary(user, case, in_new_conversation=True)
        return
    assert case.drop_plan
    begun = shorten.start_new_conversation(
        services.turn_services(),
        user.id,
        _open_conversation(),
        conversation_view.current_view().nodes,
        case.drop_plan.truncation,
    )
    _show_conversation(begun.id)


def _send_anyway(user: User, case: _OverflowCase) -> None:
    _discard_summary(user)
    session_state.send_anyway_conversation = _view_key(conversation_view.current_view())


@shows_errors
def _undo_truncation(user: User, conversation_id: str) -> None:
    shorten.clear_truncation(services.turn_services(), user.id, conversation_id)


def _start_summary(user: User, case: _OverflowCase, *, in_new_conversation: bool) -> None:
    assert case.summary_plan
    _discard_summary(user)
    nodes, start = conversation_view.current_view().nodes, case.summary_plan.truncation
    shorten.summarise_dropped(
        services.turn_services(),
        user.id,
        _open_conversation(),
        nodes,
        start,
        in_new_conversation=in_new_conversation,
    )


def _discard_summary(user: User) -> None:
    """Let go of a summary that failed, once something else is chosen."""
    if job := _summary_job(user):
        services.utility_models().forget_summary(job)


def _show_conversation(conversation_id: str) -> None:
    """Show another conversation, with the question that waits."""
    name, text = session_state.held_question
    if name == _view_key(conversation_view.current_view()):
        session_state.held_question = (conversation_id, text)
    st.query_params.from_dict({"c": conversation_id})


def _finish_summary(job: SummaryJob) -> None:
    """Show what a summary led to, in a run that reads it from the store."""
    services.utility_models().forget_summary(job)
    if job.next_conversation_id:
        _show_conversation(job.next_conversation_id)
    st.rerun()


@st.fragment(run_every=POLL_INTERVAL)
def _render_progress(job: SummaryJob) -> None:
    """The line of a summary in the making; it looks by itself for the end."""
    steps = t("window.step", step=job.step + 1, steps=job.step_count) if job.step_count > 1 else ""
    st.markdown(f":shimmer[{t('window.summing')}] {steps}", width="content")
    if job.state != "running":
        st.rerun()
