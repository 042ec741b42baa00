"""Attempts of one request: again before any content, if the error allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from lib.core.errors import AnswerError
from lib.core.events import Event, RetryScheduled
from lib.gateway.key_redactor import KeyRedactor
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.retry import max_attempts, retry_delay

log = logging.getLogger(__name__)

Item = TypeVar("Item")


def run_attempts(
    attempt: Callable[[], Iterator[Item]],
    schedule: Callable[[AnswerError, int], RetryScheduled | None],
    redactor: KeyRedactor,
    cancel: CancelToken,
    content: tuple[type, ...],
    before_retry: tuple[Event, ...] = (),
) -> Iterator[Item | Event]:
    """Yield the items of the attempts until one is answered or finally refused.

    An attempt that fails before an item of a type in `content` is followed by another one, where `schedule` returns it
    for the error and the number of the attempt. `before_retry` and the RetryScheduled are yielded before each backoff.
    Raises the last error, from which the key is redacted. After `cancel` it ends, or raises the same.
    """
    number = 1
    while not cancel.cancelled:
        has_content = False
        try:
            items = attempt()
            for item in items:
                has_content = isinstance(item, content)
                yield item
                if has_content:
                    yield from items
            return
        except AnswerError as error:
            error = redactor.redact_error(error)
            scheduled = None if has_content or cancel.cancelled else schedule(error, number)
            if scheduled is None:
                raise error from None
            log.info("retrying in %.1f s: %s %s", scheduled.delay, error.code, error.status or "")
        yield from before_retry
        yield scheduled
        number = scheduled.attempt
        cancel.wait(scheduled.delay)


def schedule_retry(error: AnswerError, attempt: int, max_retries: int) -> RetryScheduled | None:
    """Return the attempt that follows a failed one, by the class of its error; None if there is none."""
    delay = retry_delay(error, attempt, max_retries)
    if delay is None:
        return None
    return RetryScheduled(delay, attempt + 1, max_attempts(error, max_retries), error.code)
