"""What the demo gateway remembers from one request to the next, in bounded room."""

import threading
from collections import OrderedDict, deque
from decimal import Decimal

from lib.demo.reading import Wanted
from lib.demo.wire import Cache

_TRIES_MOST, _CACHED_MOST, _FOLLOWED_MOST = 256, 1024, 64


class Memory:
    """Tries of requests that are refused at first, prompts in the cache, redirects, and what was paid.

    Methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, int] = OrderedDict()
        self._cached: OrderedDict[str, None] = OrderedDict()
        self._paid = Decimal(0)
        self._followed: deque[bool] = deque(maxlen=_FOLLOWED_MOST)

    def again(self, request: str, times: int) -> bool:
        """Return whether this request is to be refused: so often, then not, and from then on anew."""
        with self._lock:
            tries = self._tries.pop(request, 0) + 1
            if tries > times:
                return False
            self._tries[request] = tries
            if len(self._tries) > _TRIES_MOST:
                self._tries.popitem(last=False)
            return True

    def cache(self, wanted: Wanted) -> Cache:
        """Keep the prompt as far as it is marked, and return how much of it was there already."""
        with self._lock:
            read = max((size for digest, size in wanted.marks if digest in self._cached), default=0)
            for digest, _ in wanted.marks:
                self._cached[digest] = None
                self._cached.move_to_end(digest)
            while len(self._cached) > _CACHED_MOST:
                self._cached.popitem(last=False)
        whole = max((size for _, size in wanted.marks), default=0)
        return Cache(read, whole - read)

    def pay(self, dollars: Decimal) -> Decimal:
        """Add to what was paid for answers, and return the sum."""
        with self._lock:
            self._paid += dollars
            return self._paid

    def follow(self, with_key: bool) -> None:
        """Note that a client went where the redirect sent it, and whether it brought a key."""
        with self._lock:
            self._followed.append(with_key)

    @property
    def followed(self) -> tuple[bool, ...]:
        """For each time that the redirect was followed, whether a key came along."""
        with self._lock:
            return tuple(self._followed)
