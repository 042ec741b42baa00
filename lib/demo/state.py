"""State of the demo gateway between requests."""

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_MAX_REQUESTS = 256
_MAX_LOG_ROWS = 1000


class State:
    """Attempts at requests that fail at first, and the cost and the log of all answers; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._spent = Decimal(0)
        self._log: deque[Mapping[str, Any]] = deque(maxlen=_MAX_LOG_ROWS)

    def is_refused(self, request: str, failures: int) -> bool:
        """Count an attempt; True for the first `failures` of them, after which counting starts again."""
        with self._lock:
            attempts = self._attempts.pop(request, 0) + 1
            if attempts > failures:
                return False
            self._attempts[request] = attempts
            if len(self._attempts) > _MAX_REQUESTS:
                self._attempts.popitem(last=False)
            return True

    def add_answer(self, dollars: Decimal, log_row: Mapping[str, Any]) -> None:
        """Add the cost of an answer, and its row of the log."""
        with self._lock:
            self._spent += dollars
            self._log.appendleft(log_row)

    @property
    def log(self) -> list[Mapping[str, Any]]:
        """The rows of the newest answers, newest first."""
        with self._lock:
            return list(self._log)

    @property
    def spent(self) -> Decimal:
        """The cost of all answers in dollars."""
        with self._lock:
            return self._spent
