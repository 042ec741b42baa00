"""Answers read aloud: the session's speech as the browser plays it, and the reasons for which it cannot."""

from __future__ import annotations

from typing import Any

from lib.core.conversation import Node, Outcome
from lib.core.user import User
from lib.ui.server import speech, streamlit_private
from lib.ui.session import services
from lib.ui.session.speech import SpeechContext, SpeechSource
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.widgets.errors import flash_warning, voice_error_message


def describe(user: User, view: ConversationView) -> dict[str, Any] | None:
    """Return the address and the speed of the session's speech for the browser; None without a model for it."""
    if not services.voice_models().speech:
        return None
    preferences = services.preferences(user.id)
    source = _open_source(user, preferences.voice, view.conversation_id)
    return {"url": speech.address(source), "speed": preferences.speech_speed}


def _open_source(user: User, preferred_voice: str, conversation_id: str | None) -> SpeechSource:
    """Return the session's speech, with the voice, the gateway and the chat as they are now."""
    voice_services, store = services.voice_services(), services.current_store()
    stored_id = None if session_state.temporary_store else conversation_id

    def load_text(node_id: str) -> str | None:
        node = store.messages.node(user.id, node_id)
        return node.message.text if node and is_readable(node) else None

    voice = voice_services.models.select_voice(preferred_voice)
    context = SpeechContext(voice_services, voice, load_text, stored_id)
    source = session_state.speech_source
    if source is None:
        source = session_state.speech_source = SpeechSource(streamlit_private.current_session_id(), context)
    source.context = context
    return source


def is_readable(node: Node) -> bool:
    """Return True for an answer that has ended and has a text."""
    is_answer = node.message.role == "assistant" and node.outcome is not Outcome.ARRIVING
    return is_answer and bool(node.message.text.strip())


def report_error() -> None:
    """Show the reason for which an answer is not read any further; a callback."""
    source = session_state.speech_source
    if source and (error := source.reader.take_error()):
        flash_warning(voice_error_message(error))
