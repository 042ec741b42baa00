"""Results of functions of texts, for pages that render the same messages in each run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")

MAX_CHARS = 4_000_000  # of the texts whose results one cache keeps
_ENTRY_CHARS = 200  # that an entry counts besides its text


class TextCache(Generic[Result]):
    """A function of a text, and its results for the texts that were asked for last. Any thread may call it.

    The limit is one on characters: a number of texts says little, since an answer may have a million of them. The last
    text is kept whatever its length.
    """

    def __init__(self, compute: Callable[..., Result], max_chars: int = MAX_CHARS) -> None:
        self._compute = compute
        self._max_chars = max_chars
        self._results: OrderedDict[tuple[Hashable, ...], tuple[Result, int]] = OrderedDict()
        self._chars = 0
        self._lock = Lock()

    def __call__(self, text: str, *options: Hashable) -> Result:
        """Return the function's result for a text and options."""
        key = text, *options
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key][0]
        result = self._compute(text, *options)
        with self._lock:
            if key not in self._results:
                size = len(text) + _ENTRY_CHARS
                self._results[key] = result, size
                self._chars += size
            while self._chars > self._max_chars and len(self._results) > 1:
                self._chars -= self._results.popitem(last=False)[1][1]
        return result
