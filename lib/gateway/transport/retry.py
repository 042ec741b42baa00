"""When a request that failed is sent again by itself, and how long that waits."""

from __future__ import annotations

import random

from lib.core.errors import REPEATS, AnswerError

LONGEST_WAIT = 60.0  # seconds; who is asked to wait longer is told so, and decides
_BACKOFF_MAX = 20.0


def pause(error: AnswerError, attempt: int, most: int) -> float | None:
    """Seconds to wait before the next try after the `attempt`th has failed; None where there is to be none.

    At most `most` tries follow the first. A wait that the gateway asks for is honoured; else the waits
    double, each shortened by chance, so that many who were refused at once do not come back at once.
    """
    repeats = REPEATS if error.again else 0 if error.again is False else error.repeats
    if attempt > min(repeats, most):
        return None
    if error.wait is not None:
        return error.wait if error.wait <= LONGEST_WAIT else None
    return float(min(_BACKOFF_MAX, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1))  # noqa: S311  no secret


def attempts(error: AnswerError, most: int) -> int:
    """How many tries there will have been at the most, the first one included."""
    return 1 + min(REPEATS if error.again else error.repeats, most)
