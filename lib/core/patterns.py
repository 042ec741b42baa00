"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache


def compile_later(pattern: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    """Return a function that returns the compiled pattern.

    For large patterns of which most processes need none: to compile one takes up to 5 ms of CPU time.
    """
    return cache(lambda: re.compile(pattern, flags))
