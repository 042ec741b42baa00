"""Project of a new conversation: its name above the input, until the first message or until it is removed."""

from __future__ import annotations

import streamlit as st

from lib.chat.prompts.library import switch_params
from lib.core.user import User
from lib.ui.composer import model_picker, params_panel
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning, shows_errors


def report_missing() -> None:
    """Say that the folder in the URL does not exist, and keep what was typed for it."""
    if name := conversation_view.current_view().missing_folder:
        conversation_view.move_draft(name, "")
        if not session_state.flash_warning:
            flash_warning(t("project.gone", name=name))


def render(user: User) -> None:
    """Render the name of the project that the next message starts a conversation in."""
    if name := conversation_view.current_view().new_folder:
        with st.container(key="project-choice", horizontal=True, vertical_alignment="center", gap="small"):
            label = t("project.new_chat_in", name=escape_markdown(name))
            st.markdown(f":material/folder: {label}", width="content")
            render_button(t("project.leave"), "project-leave", "close", _leave, user)


@shows_errors
def _leave(user: User) -> None:
    """Start the conversation outside of the project, with what the user has typed and chosen; a callback."""
    view = conversation_view.current_view()
    project = view.project
    if project is None or view.conversation:
        return
    params = switch_params(params_panel.current_params(), project.params, None)
    is_model_chosen = model_picker.current_target() != project.target
    st.query_params.pop(conversation_view.FOLDER_PARAMETER, None)
    conversation_view.move_draft(project.name, "")
    view.project = None
    params_panel.replace_params(user, params)
    # What was chosen in the composer stays: this is no other conversation.
    session_state.param_widgets_source = session_state.persona_source = None
    if is_model_chosen and session_state.target_source:
        session_state.target_source = (None, session_state.target_source[1])
