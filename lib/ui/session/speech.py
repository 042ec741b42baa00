"""Speech of a session: the texts that its browser may have read aloud, under a token that only that browser knows."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

import streamlit as st

from lib.chat.voice.requests import VoiceServices
from lib.chat.voice.speech import Reading, SpeechReader
from lib.core.voice_errors import NothingToRead


@dataclass(frozen=True)
class SpeechContext:
    """Settings of the readings that begin from now on.

    `load_text` returns the Markdown of an answer by its id, None for one that the user cannot read.
    `conversation_id` is None without a stored conversation.
    """

    services: VoiceServices
    voice: str
    load_text: Callable[[str], str | None]
    conversation_id: str | None = None


class SpeechSource:
    """The readings of one session. It is found by its token as long as the session refers to it. Thread-safe."""

    def __init__(self, session_id: str, context: SpeechContext) -> None:
        self.token = secrets.token_urlsafe(24)
        self.session_id = session_id
        self.context = context
        self.reader = SpeechReader()
        self._lock = threading.Lock()
        self._open: tuple[str, Reading] | None = None
        _sources()[self.token] = self

    def open(self, node_id: str, split: Callable[[str], list[str]], *, is_start: bool) -> Reading:
        """Return the reading of an answer, by the present settings where it starts.

        Raises NothingToRead, also for an answer that the user cannot read, and StoreError.
        """
        with self._lock:
            if self._open and self._open[0] == node_id and not is_start:
                return self._open[1]
            self.reader.take_error()  # of an earlier reading
            context = self.context
            text = context.load_text(node_id)
            if not text or not context.services.models.speech:
                raise NothingToRead
            reading = self.reader.open(context.services, split(text), context.voice, context.conversation_id)
            self._open = (node_id, reading)
            return reading


@st.cache_resource(show_spinner=False)
def _sources() -> WeakValueDictionary[str, SpeechSource]:
    return WeakValueDictionary()


def find_source(token: str) -> SpeechSource | None:
    """Return the source with that token, on any thread; None once its session has ended."""
    return _sources().get(token)
