"""Memories of the parameters that models refuse: of the team, and of one session with a personal key."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lib.core.errors import StoreError
from lib.core.refused_params import RefusedParam
from lib.core.target import Target

CACHE_SECONDS = 5.0  # bounds the delay until what another server learnt or reset applies
log = logging.getLogger(__name__)


class RefusedParamStore(Protocol):
    """Storage of refused parameters; each method may raise StoreError."""

    def load(self) -> list[RefusedParam]:
        """Return all of them, the newest first."""

    def learn(self, refused: RefusedParam) -> None:
        """Keep a refusal."""


class SessionMemory:
    """Memory of one connection, kept as long as it: what a user's own gateway says is no rule for the team."""

    def __init__(self) -> None:
        self._refused: dict[tuple[Target, str, str], RefusedParam] = {}

    def find(self, target: Target) -> Sequence[RefusedParam]:
        return [refused for refused in tuple(self._refused.values()) if refused.target == target]

    def learn(self, refused: RefusedParam) -> None:
        self._refused[refused.target, refused.field, refused.beside] = refused


class TeamMemory:
    """Memory in the database, read at most every CACHE_SECONDS. May be used from any thread.

    While the database is away, what was last read and learnt stays.
    """

    def __init__(self, get_store: Callable[[], RefusedParamStore]) -> None:
        self._get_store = get_store
        self._lock = threading.Lock()
        self._refused: list[RefusedParam] = []
        self._read_at: float | None = None

    def find(self, target: Target) -> Sequence[RefusedParam]:
        return [refused for refused in self._load() if refused.target == target]

    def learn(self, refused: RefusedParam) -> None:
        with self._lock:
            self._refused = [refused, *self._refused]
        try:
            self._get_store().learn(refused)
        except StoreError:
            log.warning("a refused parameter could not be stored", exc_info=True)

    def refresh(self) -> None:
        """Read the database again at the next use."""
        self._read_at = None

    def _load(self) -> list[RefusedParam]:
        with self._lock:
            now = time.monotonic()
            if self._read_at is None or now - self._read_at > CACHE_SECONDS:
                self._read_at = now
                try:
                    self._refused = self._get_store().load()
                except StoreError:
                    log.warning("the refused parameters could not be read", exc_info=True)
            return self._refused
