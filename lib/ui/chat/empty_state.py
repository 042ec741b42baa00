"""Empty conversation: a greeting with suggested questions, the persona, and the switch for a temporary chat."""

from __future__ import annotations

import contextlib
from functools import partial

import streamlit as st

from lib.core.errors import StoreError
from lib.core.prompts import Persona
from lib.core.user import User
from lib.ui.composer import questions
from lib.ui.files import tray
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import avatar, replays
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

_SUGGESTION_COUNT = 4


def render(user: User) -> None:
    """Render the greeting and the suggested questions, which are sent by a click."""
    if persona := session_state.persona:
        _render_persona(user, persona)
        return
    is_demo = services.is_demo()
    with st.container(key="welcome", gap="medium"):
        st.image(resources.LOGO, width=56, alt="")
        st.title(t("empty.title"), anchor=False)
        host = escape_markdown(services.gateway_host())
        st.markdown(t("empty.demo") if is_demo else t("empty.gateway", host=host))
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for number in range(1, _SUGGESTION_COUNT + 1):
                question = t(f"empty.{'q' if is_demo else 'g'}{number}")
                label = escape_markdown(question)
                render_button(label, f"suggest-{number}", "", questions.send, user, question, type="secondary")
        if is_demo:
            render_button(t("empty.tour"), "play-tour", "play_circle", replays.play_tour, user)


def _render_persona(user: User, persona: Persona) -> None:
    """Render the persona's avatar, its greeting, and the questions that it suggests."""
    entry = None
    with contextlib.suppress(StoreError):
        entry = resources.store().prompts.get(user.id, persona.prompt_id)
    with st.container(key="welcome", gap="medium"):
        st.image(avatar.avatar_image(persona), width=56, alt="")
        st.title(escape_markdown(persona.name), anchor=False)
        if text := entry and (entry.greeting or entry.description):
            st.markdown(escape_markdown(text))
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for number, question in enumerate(entry.suggestions if entry else ()):
                label = escape_markdown(question)
                render_button(label, f"suggest-{number}", "", questions.send, user, question, type="secondary")


def render_header(view: ConversationView) -> None:
    """Render the name and the avatar of the conversation's persona, if it has one."""
    persona = view.conversation.persona if view.conversation else None
    if persona and view.nodes:
        with st.container(key="persona-header", horizontal=True, vertical_alignment="center", gap="small"):
            st.image(avatar.avatar_image(persona), width=24, alt="")
            st.markdown(f"**{escape_markdown(persona.name)}**", width="content")


def render_temporary_switch(user: User, view: ConversationView) -> None:
    """Render the switch for a temporary chat in an empty conversation, and a notice while it is on."""
    is_temporary = session_state.temporary_store is not None
    if not is_temporary and (view.nodes or view.project):
        return  # a temporary chat is in no project
    with st.container(key="temporary", horizontal=True, vertical_alignment="center", gap="small"):
        if is_temporary:
            st.caption(f":material/visibility_off: {t('temporary.about')}")
        if not view.nodes:
            render_button(
                t("temporary.on" if is_temporary else "temporary.off"),
                "temporary-switch",
                "check" if is_temporary else "visibility_off",
                _toggle_temporary,
                user,
                type="secondary" if is_temporary else "tertiary",
            )


@shows_errors
def _toggle_temporary(user: User) -> None:
    is_temporary = session_state.temporary_store is not None
    switch = services.end_temporary if is_temporary else partial(services.start_temporary, user.id)
    tray.move_with(user, switch)
