"""Words sent to a replica that is gone, which reached a session that knew nothing of their box yet."""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.ui.session.state import session_state


def recover_message(widget_key: str) -> None:
    """Keep what this run was sent from the box of that key, as long as the session has not painted it.

    A page that was idle when its replica ended hears nothing of the new one: it goes on with its next
    message, and Streamlit drops what comes from a widget that the session does not know.
    """
    context = get_script_run_ctx()
    if context is None or session_state.is_input_rendered:
        return
    for state in context.session_state.get_widget_states():
        if state.id.endswith(f"-{widget_key}") and (words := state.chat_input_value.data):
            session_state.replayed_message = words


def pop_message() -> str:
    """What was caught, once, else ""; from now on the session knows the box."""
    session_state.is_input_rendered = True
    words = session_state.replayed_message
    del session_state.replayed_message
    return words
