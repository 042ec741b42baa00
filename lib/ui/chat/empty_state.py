"""Empty conversation: a greeting with suggested questions, and the switch for a temporary chat."""

from __future__ import annotations

import streamlit as st

from lib.core.user import User
from lib.ui.chat import composer
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

_SUGGESTION_COUNT = 4


def render(user: User) -> None:
    """Render the greeting and the suggested questions, which are sent by a click."""
    is_demo = services.is_demo()
    with st.container(key="welcome", gap="medium"):
        st.image(resources.LOGO, width=56)
        st.title(t("empty.title"), anchor=False)
        host = escape_markdown(services.gateway_host())
        st.markdown(t("empty.demo") if is_demo else t("empty.gateway", host=host))
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for number in range(1, _SUGGESTION_COUNT + 1):
                question = t(f"empty.{'q' if is_demo else 'g'}{number}")
                label = escape_markdown(question)
                render_button(label, f"suggest-{number}", "", composer.send, user, question, type="secondary")


def render_temporary_switch(user: User, view: ConversationView) -> None:
    """Render the switch for a temporary chat in an empty conversation, and a notice while it is on."""
    is_temporary = session_state.temporary_store is not None
    if view.nodes and not is_temporary:
        return
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
    if session_state.temporary_store:
        services.end_temporary()
    else:
        services.start_temporary(user.id)
