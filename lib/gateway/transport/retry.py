"""When a request that failed is sent again by itself, and how long that waits."""

from __future__ import annotations

import random

from lib.core.errors import MAX_RETRIES, AnswerError

MAX_HONORED_RETRY_AFTER = 60.0  # seconds; who is asked to wait longer is told so, and decides
_MAX_BACKOFF = 20.0


def retry_delay(error: AnswerError, attempt: int, max_retries: int) -> float | None:
    """Seconds to wait before the next try after the `attempt`th has failed; None where there is to be none.

    At most `most` tries follow the first. A wait that the gateway asks for is honoured; else the waits
    double, each shortened by chance, so that many who were refused at once do not come back at once.
    """
    repeats = MAX_RETRIES if error.should_retry else 0 if error.should_retry is False else error.max_retries
    if attempt > min(repeats, max_retries):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= MAX_HONORED_RETRY_AFTER else None
    return float(min(_MAX_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1))  # noqa: S311  no secret


def max_attempts(error: AnswerError, max_retries: int) -> int:
    """How many tries there will have been at the most, the first one included."""
    return 1 + min(MAX_RETRIES if error.should_retry else error.max_retries, max_retries)
