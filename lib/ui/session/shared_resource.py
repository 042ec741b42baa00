"""A resource of the process, built once and shared by all sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class SharedResource(Generic[P, T]):
    """The results of `build` by its positional arguments, each built once until `clear`; for any thread.

    A decorator in place of `st.cache_resource`, which hashes names and values of all arguments at each look, of which a
    script run takes fifty. A result that is not valid any more is built again; `release` gets those that are left.
    """

    def __init__(
        self,
        build: Callable[P, T],
        *,
        is_valid: Callable[[T], bool] = lambda _: True,
        release: Callable[[T], None] = lambda _: None,
    ) -> None:
        self._build = build
        self._is_valid = is_valid
        self._release = release
        # Reentrant: a resource may need the same one of other arguments.
        self._lock = threading.RLock()
        self._results: dict[tuple[Any, ...], T] = {}
        update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result. Raises what `build` raises, which is not kept."""
        assert not kwargs, "by position only"
        try:
            result = self._results[args]
        except KeyError:
            return self._build_once(args)
        return result if self._is_valid(result) else self._build_once(args)

    def _build_once(self, args: tuple[Any, ...]) -> T:
        """Build a result, unless another thread has done it by now."""
        with self._lock:
            if args in self._results:
                if self._is_valid(self._results[args]):
                    return self._results[args]
                self._release(self._results.pop(args))
            build: Callable[..., T] = self._build
            self._results[args] = result = build(*args)
            return result

    def clear(self) -> None:
        """Release all results; the next calls build them again."""
        with self._lock:
            results, self._results = self._results, {}
        for result in results.values():
            self._release(result)
