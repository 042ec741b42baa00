"""Recorded exchange of an answer, which is saved with the answer's end, or right after it."""

from __future__ import annotations

import logging

from lib.chat.turns.ports import ExchangeStore
from lib.core import errors
from lib.core.exchanges import Exchange
from lib.gateway.transport.recorder import ExchangeRecorder

log = logging.getLogger(__name__)


class AnswerRecord:
    """Record of the requests of an answer. Not thread-safe but for the recorder.

    An exchange that the store refuses must not keep it from saving the answer, and an outage of the store must not cost
    the exchange. So the first attempt to save has both, the next ones the answer alone, and the exchange follows it.
    """

    def __init__(
        self, owner: str, recorder: ExchangeRecorder | None = None, store: ExchangeStore | None = None
    ) -> None:
        self.recorder = recorder
        self._owner = owner
        self._store = store
        self._exchange: Exchange | None = None
        self._is_apart = False

    def take(self) -> Exchange | None:
        """Return the exchange that is to be saved with the end of the answer; None for none, or one that follows it."""
        return None if self._is_apart else self._build()

    def note_refused(self) -> None:
        """Take that the store has refused the end of the answer."""
        self._is_apart = True

    def save_apart(self) -> None:
        """Save the exchange after the answer, if it was not saved with it; one that is refused alone is dropped."""
        exchange = self._build() if self._is_apart else None
        if exchange is None or self._store is None:
            return
        try:
            self._store.save(self._owner, exchange)
        except errors.StoreError as error:
            log.warning("the requests of an answer could not be saved: %s", error)

    def _build(self) -> Exchange | None:
        """Return what was recorded, redacted once."""
        recorder, self.recorder = self.recorder, None
        try:
            self._exchange = recorder.finish() if recorder else self._exchange
        except Exception:  # noqa: BLE001  the answer must be saved; the log has the details
            log.exception("the requests of an answer could not be recorded")
        return self._exchange
