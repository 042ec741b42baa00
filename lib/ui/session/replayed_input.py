"""Words sent to a replica that is gone, which reached a session that knew nothing of their box yet."""

from __future__ import annotations

from lib.ui.server import streamlit_private
from lib.ui.session.state import session_state


def recover_message(widget_key: str) -> None:
    """Keep what this run was sent from the box of that key, as long as the session has not painted it.

    A page that was idle when its replica ended hears nothing of the new one: it goes on with its next
    message, and Streamlit drops what comes from a widget that the session does not know.
    """
    if session_state.is_input_rendered:
        return
    if message := streamlit_private.submitted_chat_input(widget_key):
        session_state.replayed_message = message


def pop_message() -> str:
    """What was caught, once, else ""; from now on the session knows the box."""
    session_state.is_input_rendered = True
    words = session_state.replayed_message
    del session_state.replayed_message
    return words
