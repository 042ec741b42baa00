"""A path that is too long: the warning before sending, the choice, and the line where sending begins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from lib.chat.context import window
from lib.chat.context.window import Fit, Need
from lib.chat.turns import shorten
from lib.chat.turns.summaries import SUMMARY_TOKENS, Summary
from lib.core.conversation import Conversation, Node
from lib.core.params import Params
from lib.core.target import Target
from lib.core.user import Person
from lib.ui.markdown.sanitize import safe
from lib.ui.session import conversation_view, resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets.errors import sentence, tried

# What this session holds back: the conversation and the question that was not sent, and the conversation
# of which the next question goes whatever its length.
_HELD, _ANYWAY = "window.held", "window.anyway"
TICK = 1.0  # seconds between two looks at a summary that is being made


@dataclass(frozen=True)
class _Case:
    """What there is to choose about: the question that waits, how much it needs, what could be left out."""

    text: str
    need: Need
    drop: Fit | None
    summed: Fit | None


def holds(text: str, target: Target, params: Params) -> bool:
    """Whether a question is held back, for it would not fit; the next run then paints the choice."""
    shown = conversation_view.view()
    anyway = st.session_state.pop(_ANYWAY, "") == _name(shown)
    if anyway or not needed(shown, text, target, params).over:
        st.session_state.pop(_HELD, None)
        return False
    st.session_state[_HELD] = (_name(shown), text)
    return True


def too_long(after: str | None, text: str, target: Target, params: Params) -> str:
    """Why a question behind that node of the shown path does not fit; "" where it does."""
    shown = conversation_view.view()
    place = next((place for place, node in enumerate(shown.nodes) if node.id == after), -1)
    need = needed(replace(shown, nodes=shown.nodes[: place + 1]), text, target, params)
    if not need.over:
        return ""
    sizes = {"tokens": need.tokens, "limit": need.limit}
    return f"{t('window.held')} {t('window.over_about', model=target.model, **sizes)}"


def needed(shown: conversation_view.View, text: str, target: Target, params: Params) -> Need:
    """What a next request needs, with that question behind what is shown."""
    limit = resources.model(target.model).abilities.context
    kept = shown.conversation.window if shown.conversation else None
    return window.need(shown.nodes, text, params, target, limit, kept)


def paint(person: Person, target: Target | None, params: Params) -> None:
    """In the place above the box: a quiet line where the window fills, the choice where it is too small."""
    shown = conversation_view.view()
    job = _job(person)
    if job and job.state == "done":
        _done(job)
    if job and job.state == "running":
        with st.container(key="summing", horizontal=True, vertical_alignment="center", gap="small"):
            _follow(job)
            st.button(t("window.cancel"), key="summing-cancel", icon=":material/close:", on_click=job.cancel)
    elif target and not shown.answer:
        name, text = st.session_state.get(_HELD, ("", ""))
        text = text if name == _name(shown) else ""
        need = needed(shown, text, target, params)
        if need.over and st.session_state.get(_ANYWAY) != _name(shown):
            with st.container(key="too-long", gap="small"):
                _choice(person, _case(shown, text, need, target, params), target)
        elif text:
            st.caption(f":material/keyboard_return: {t('window.ready')}")
        elif need.near:
            _near(need, target)


@contextlib.contextmanager
def above(person: Person, shown: conversation_view.View, node: Node) -> Iterator[None]:
    """Put the line before a node where sending begins at it; both are one place of the page then."""
    conversation = shown.conversation
    kept = conversation.window if conversation else None
    if conversation is None or kept is None or node.id != kept.start or not window.begin(shown.nodes, kept):
        yield
        return
    with st.container(key=f"from-{node.id}"):
        said = window.summary(shown.nodes, kept)
        with st.container(key="window-line", horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(t("window.summed" if said else "window.dropped"), width="content")
            st.button(
                t("window.undo"),
                key="window-undo",
                icon=":material/undo:",
                type="tertiary",
                on_click=_undo,
                args=(person, conversation.id),
            )
        if said:
            with st.expander(t("window.summary"), type="compact"):
                st.markdown(safe(said))
        yield


def _name(shown: conversation_view.View) -> str:
    """What the shown conversation is called here; one that has not begun has no id."""
    return shown.id or "new"


def _job(person: Person) -> Summary | None:
    shown = conversation_view.view().id
    return resources.aside().summary(person.id, shown) if shown else None


def _case(shown: conversation_view.View, text: str, need: Need, target: Target, params: Params) -> _Case:
    limit = need.limit or 0
    kept = shown.conversation.window if shown.conversation else None
    drop = window.fit(shown.nodes, text, params, target, limit, kept)
    more = min(SUMMARY_TOKENS, limit // 4)
    return _Case(text, need, drop, window.fit(shown.nodes, text, params, target, limit, kept, more))


def _near(need: Need, target: Target) -> None:
    share = 100 * need.tokens // (need.limit or 1)
    st.caption(f":material/data_usage: {t('window.near', model=literal(target.model), share=share)}")


def _choice(person: Person, case: _Case, target: Target) -> None:
    """The warning, with what would be left out, and what can be done about it."""
    sizes = {"tokens": case.need.tokens, "limit": case.need.limit}
    about = t("window.over" if case.need.known else "window.over_about", model=literal(target.model), **sizes)
    about = f"{t('window.held')} {about}" if case.text else about
    fits = bool(case.drop and not case.drop.need.over)
    more = t("window.out", turns=case.drop.turns) if case.drop and fits else t("window.alone")
    st.warning(f"{about} {more}", icon=":material/data_usage:")
    job, cheap = _job(person), resources.cheap()
    if job and job.state == "failed":
        st.error(f"{t('window.failed')} {sentence(job.code)}", icon=":material/error:")
    summing = bool(case.summed and not case.summed.need.over)
    with st.container(key="too-long-choice", horizontal=True, gap="small"):
        _button("drop", "content_cut", _drop, person, case, off=not fits)
        _button("summarise", "summarize", _summarise, person, case, off=not (summing and cheap))
        words = "anew_summed" if cheap else "anew"
        # There is one temporary chat, not two.
        off = bool(resources.scratch()) or not (summing if cheap else fits)
        _button(words, "add_comment", _anew, person, case, off=off)
        _button("anyway", "send", _anyway, person, case, kind="tertiary")
    if not cheap and not resources.scratch():
        st.caption(t("window.no_cheap"))


def _button(
    name: str, icon: str, action: Callable[..., None], person: Person, case: _Case, **how: Any
) -> None:
    st.button(
        t(f"window.{name}"),
        key=f"too-long-{name}",
        icon=f":material/{icon}:",
        type=how.get("kind", "secondary"),
        disabled=how.get("off", False),
        on_click=action,
        args=(person, case),
    )


def _shown() -> Conversation:
    conversation = conversation_view.view().conversation
    assert conversation  # there is a path to leave something out of
    return conversation


@tried
def _drop(person: Person, case: _Case) -> None:
    assert case.drop
    _forget(person)
    shorten.drop(resources.desk(), person.id, _shown().id, case.drop.window)


@tried
def _summarise(person: Person, case: _Case) -> None:
    _sum_up(person, case, begin=False)


@tried
def _anew(person: Person, case: _Case) -> None:
    if resources.cheap():
        _sum_up(person, case, begin=True)
        return
    assert case.drop
    begun = shorten.anew(
        resources.desk(), person.id, _shown(), conversation_view.view().nodes, case.drop.window
    )
    _go_to(begun.id)


def _anyway(person: Person, case: _Case) -> None:
    _forget(person)
    st.session_state[_ANYWAY] = _name(conversation_view.view())


@tried
def _undo(person: Person, conversation: str) -> None:
    shorten.undo(resources.desk(), person.id, conversation)


def _sum_up(person: Person, case: _Case, *, begin: bool) -> None:
    assert case.summed
    _forget(person)
    nodes, start = conversation_view.view().nodes, case.summed.window
    shorten.summarise(resources.desk(), person.id, _shown(), nodes, start, begin=begin)


def _forget(person: Person) -> None:
    """Let go of a summary that failed, once something else is chosen."""
    if job := _job(person):
        resources.aside().forget(job)


def _go_to(conversation: str) -> None:
    """Show another conversation, with the question that waits."""
    name, text = st.session_state.get(_HELD, ("", ""))
    if name == _name(conversation_view.view()):
        st.session_state[_HELD] = (conversation, text)
    st.query_params.from_dict({"c": conversation})


def _done(job: Summary) -> None:
    """Show what a summary led to, in a run that reads it from the store."""
    resources.aside().forget(job)
    if job.opens:
        _go_to(job.opens)
    st.rerun()


@st.fragment(run_every=TICK)
def _follow(job: Summary) -> None:
    """The line of a summary in the making; it looks by itself for the end."""
    steps = t("window.step", step=job.step + 1, steps=job.steps) if job.steps > 1 else ""
    st.markdown(f":shimmer[{t('window.summing')}] {steps}", width="content")
    if job.state != "running":
        st.rerun()
