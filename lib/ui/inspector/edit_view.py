"""Editor of a recorded body, which is sent once more like any question."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lib.chat.exchanges import edited_body
from lib.chat.exchanges.edited_body import InvalidEdit
from lib.chat.turns.edited_requests import send_edited
from lib.chat.turns.ports import TurnStore
from lib.core.errors import AntlerError
from lib.core.exchanges import Attempt, Exchange
from lib.core.user import User
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import error_message
from lib.ui.widgets.navigation import CHAT_PAGE

_HEIGHT = 420  # pixels


def render(user: User, store: TurnStore, exchange: Exchange, attempt_number: int) -> None:
    """Render the editor, and the reason why the last text was not sent."""
    attempt = exchange.attempts[attempt_number]
    if not edited_body.can_edit(attempt):
        st.caption(t("inspector.no_edit"))
        return
    key = f"inspector-edit-{exchange.id}-{attempt_number}"
    st.caption(t("inspector.edit_about"))
    if not session_state.has_widget(key):
        session_state.set_widget(key, edited_body.to_text(attempt))
    st.text_area(
        t("inspector.edit_label"), key=key, height=_HEIGHT, max_chars=edited_body.MAX_EDITED_CHARS, on_change="ignore"
    )
    if error := session_state.edit_error:
        st.error(escape_markdown(error), icon=":material/error:")
    with st.container(key="inspector-edit-actions", horizontal=True, gap="small"):
        args = user, store, exchange, attempt, key
        render_button(t("inspector.send"), "inspector-send", "send", _send, *args, type="primary")
        render_button(t("inspector.reset"), "inspector-reset", "undo", _reset, key)


def _send(user: User, store: TurnStore, exchange: Exchange, attempt: Attempt, key: str) -> None:
    """Send the edited text, and open the conversation of its answer; a callback."""
    del session_state.edit_error
    text = str(session_state.widget(key, ""))
    turn_services = replace(services.turn_services(), store=store)
    try:
        placeholder, is_temporary = t("inspector.no_question"), store is session_state.temporary_store
        conversation = send_edited(
            turn_services, user.id, exchange, attempt, text, placeholder, is_temporary=is_temporary
        )
    except InvalidEdit as error:
        session_state.edit_error = t(f"inspector.edit_{error.reason}", **error.values)
        return
    except AntlerError as error:
        session_state.edit_error = error_message(error)
        return
    session_state.pop_widget(key)
    del session_state.inspection
    _show(conversation.id)


def _reset(key: str) -> None:
    """Put the recorded body back; a callback."""
    del session_state.edit_error
    session_state.pop_widget(key)


def _show(conversation_id: str) -> None:
    """Show the conversation in which an answer arrives; one of the database takes the place of a temporary chat."""
    temporary = session_state.temporary_store
    if temporary and temporary.current_conversation_id == conversation_id:
        return
    services.end_temporary()
    if session_state.is_chat_page:
        st.query_params.from_dict({"c": conversation_id})
    else:
        st.switch_page(CHAT_PAGE, query_params={"c": conversation_id})
