"""Answers read aloud: passage by passage, each requested while the one before it plays, and kept for a replay."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lib.chat.voice.requests import AudioRequest, VoiceServices, send_request
from lib.core.errors import AntlerError, InvalidResponse, UnexpectedError
from lib.core.voice import audio_type, speech_usage
from lib.core.voice_errors import NothingToRead
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)

MAX_CACHED_BYTES = 40_000_000  # of one session's readings; the oldest are forgotten first
AHEAD = 1  # passages that are requested before they are played

Send = Callable[[str, CancelToken], Iterator[object]]


@dataclass(frozen=True)
class Chunk:
    """A piece of a passage's audio. `is_end` is set with the last one; `error` says why it ended early."""

    data: bytes = b""
    is_end: bool = False
    error: AntlerError | None = None


class Passage:
    """The audio of one passage, as far as it has arrived. Thread-safe."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lock = threading.Lock()
        self._listeners: set[Callable[[], None]] = set()
        self._data = bytearray()
        self._is_end = False
        self.error: AntlerError | None = None

    @property
    def is_complete(self) -> bool:
        return self._is_end and self.error is None

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def media_type(self) -> str:
        """The media type by the first bytes, "" before them."""
        return audio_type(bytes(self._data[:16]))

    def add(self, data: bytes) -> None:
        with self._lock:
            self._data += data
        self._notify()

    def finish(self, error: AntlerError | None = None) -> None:
        """Mark the end, which an error has caused if one is given."""
        with self._lock:
            self._is_end, self.error = True, error
        self._notify()

    def read(self, start: int) -> Chunk:
        """Return what has arrived from the byte `start` on."""
        with self._lock:
            return Chunk(bytes(self._data[start:]), self._is_end, self.error)

    @contextlib.contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener`, on any thread, after each change within the block."""
        with self._lock:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _notify(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()


class Stopped(AntlerError):
    """The reading was stopped before this passage was complete."""

    code = "reading_stopped"


class Reading:
    """One answer that is read aloud, on a thread that runs while a passage is wanted. Thread-safe."""

    def __init__(self, texts: Sequence[str], send: Send) -> None:
        self.passages = [Passage(text) for text in texts]
        self._send = send
        self._lock = threading.Lock()
        self._wanted = range(0)
        self._cancel: CancelToken | None = None  # of the thread, None while none runs

    @property
    def size(self) -> int:
        return sum(passage.size for passage in self.passages)

    def want(self, index: int, send: Send | None = None) -> Passage:
        """Return a passage, and have it and the next one requested where they are not complete.

        `send` replaces the function of later requests. Raises IndexError for a passage behind the end.
        """
        with self._lock:
            self._send = send or self._send
            self._wanted = range(index, min(index + 1 + AHEAD, len(self.passages)))
            if self._cancel is None and self._next_missing() is not None:
                self._replace_incomplete()
                self._cancel = CancelToken()
                threading.Thread(target=self._run, args=(self._cancel,), name="speech", daemon=True).start()
            return self.passages[index]

    def stop(self) -> None:
        """Stop the request upstream; nothing more is requested. Complete passages stay."""
        with self._lock:
            cancel, self._cancel, self._wanted = self._cancel, None, range(0)
        if cancel:
            cancel.cancel()

    def _replace_incomplete(self) -> None:
        """Replace what an error or a stop has ended: its thread may not have finished with it yet."""
        self.passages = [passage if passage.is_complete else Passage(passage.text) for passage in self.passages]

    def _next_missing(self) -> int | None:
        return next((index for index in self._wanted if not self.passages[index].is_complete), None)

    def _run(self, cancel: CancelToken) -> None:
        while passage := self._next_passage(cancel):
            error = self._request(passage, cancel)
            if error:
                self._end(cancel)
            passage.finish(error)

    def _next_passage(self, cancel: CancelToken) -> Passage | None:
        """Return the next passage for a thread, None for one that has ended."""
        with self._lock:
            index = self._next_missing() if self._cancel is cancel else None
            if index is None and self._cancel is cancel:
                self._cancel = None
            return None if index is None else self.passages[index]

    def _end(self, cancel: CancelToken) -> None:
        with self._lock:
            if self._cancel is cancel:
                self._cancel = None

    def _request(self, passage: Passage, cancel: CancelToken) -> AntlerError | None:
        """Request a passage; returns the error that ended it."""
        try:
            for item in self._send(passage.text, cancel):
                if isinstance(item, bytes):
                    passage.add(item)
        except AntlerError as error:
            return Stopped() if cancel.cancelled else error
        except Exception as error:  # noqa: BLE001  whatever it is, the page gets an end
            log.warning("a passage could not be read aloud: %s", type(error).__name__)
            return UnexpectedError()
        if cancel.cancelled:
            return Stopped()
        return None if passage.size else InvalidResponse()


class SpeechReader:
    """Readings of one session, of which one is active at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readings: OrderedDict[tuple[str, ...], Reading] = OrderedDict()
        self._last_error: AntlerError | None = None

    def open(
        self, services: VoiceServices, texts: Sequence[str], voice: str, conversation_id: str | None = None
    ) -> Reading:
        """Return the reading of these passages, also an earlier one, and stop the others. Raises NothingToRead."""
        if not texts:
            raise NothingToRead
        model = services.models.speech

        def send(text: str, cancel: CancelToken) -> Iterator[object]:
            request = AudioRequest("speech", model, speech_usage(model, text), conversation_id)
            speak = services.audio.speak
            return send_request(
                services, request, lambda: speak(model, text, voice, cancel, conversation_id or ""), cancel
            )

        key = (model, voice, *texts)
        with self._lock:
            reading = self._readings.pop(key, None) or Reading(texts, send)
            others = list(self._readings.values())
            self._readings[key] = reading
            self._forget_oldest()
        for other in others:
            other.stop()
        return reading

    def stop(self) -> None:
        """Stop whatever is read."""
        with self._lock:
            readings = list(self._readings.values())
        for reading in readings:
            reading.stop()

    def report(self, error: AntlerError) -> None:
        """Keep the error of a reading for the page."""
        if not isinstance(error, Stopped):
            self._last_error = error

    @property
    def has_error(self) -> bool:
        return self._last_error is not None

    def take_error(self) -> AntlerError | None:
        """Return the last error once."""
        error, self._last_error = self._last_error, None
        return error

    def _forget_oldest(self) -> None:
        while len(self._readings) > 1 and sum(each.size for each in self._readings.values()) > MAX_CACHED_BYTES:
            _, oldest = self._readings.popitem(last=False)
            oldest.stop()


def speak_text(services: VoiceServices, text: str, voice: str) -> Passage:
    """Return the audio of a short text once it is complete. Raises as `send_request`."""
    passage, changed = SpeechReader().open(services, [text], voice).want(0), threading.Event()
    with passage.listening(changed.set):
        while not (chunk := passage.read(0)).is_end:
            changed.wait(1)
            changed.clear()
    if chunk.error:
        raise chunk.error
    return passage
