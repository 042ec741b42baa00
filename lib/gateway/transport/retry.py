"""Automatic retries: exponential backoff with jitter, and the Retry-After headers."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from lib.core.errors import MAX_RETRIES, AnswerError

# Seconds. A longer Retry-After is not waited for: the error is shown with it, and the user decides.
MAX_HONORED_RETRY_AFTER = 60.0
# Seconds. A header that asks for more is implausible and is capped.
MAX_RETRY_AFTER = 7 * 24 * 3600.0
_MAX_BACKOFF = 20.0


def retry_delay(error: AnswerError, attempt: int, max_retries: int) -> float | None:
    """Seconds to wait after the failed `attempt` (1 is the first); None if it must not be retried.

    A Retry-After of up to a minute is honored. Otherwise the backoff doubles with each attempt, and
    random jitter of up to a half keeps clients that were refused together from returning together.
    """
    if attempt >= max_attempts(error, max_retries):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= MAX_HONORED_RETRY_AFTER else None
    return float(min(_MAX_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1))  # noqa: S311  no secret


def max_attempts(error: AnswerError, max_retries: int) -> int:
    """Attempts allowed after `error`, the first included; the gateway's x-should-retry header wins."""
    if error.should_retry is None:
        return 1 + min(error.max_retries, max_retries)
    return 1 + min(MAX_RETRIES, max_retries) if error.should_retry else 1


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After` (seconds or an HTTP date), capped; None without one."""
    try:
        if value := headers.get("retry-after-ms"):
            seconds = float(value) / 1000
        elif re.fullmatch(r"\d+(\.\d+)?", value := headers.get("retry-after", "").strip()):
            seconds = float(value)
        elif value:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER) if math.isfinite(seconds) else None
