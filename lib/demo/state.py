"""State of the demo gateway between requests."""

import threading
from collections import OrderedDict
from decimal import Decimal

_MAX_REQUESTS = 256


class State:
    """Attempts at requests that fail at first, and the cost of all answers; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._spent = Decimal(0)

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

    def add_cost(self, dollars: Decimal) -> None:
        """Add the cost of an answer."""
        with self._lock:
            self._spent += dollars

    @property
    def spent(self) -> Decimal:
        """The cost of all answers in dollars."""
        with self._lock:
            return self._spent
