"""Recovery of a message typed on a replica that ended, before the new session has rendered its input."""

from __future__ import annotations

from lib.ui.server import streamlit_private
from lib.ui.session.state import session_state

INPUT_KEY = "composer.box"


def recover_message() -> None:
    """Keep the message that this run received, if the session has not rendered the chat input yet.

    An idle page does not notice that its replica ended, and sends its next message to a new one, where
    Streamlit drops the values of widgets unknown to the session.
    """
    if session_state.is_input_rendered:
        return
    if message := streamlit_private.submitted_chat_input(INPUT_KEY):
        session_state.replayed_message = message


def pop_message() -> str:
    """Return the recovered message once, else ""; from now on the session knows the chat input."""
    session_state.is_input_rendered = True
    message = session_state.replayed_message
    del session_state.replayed_message
    return message
