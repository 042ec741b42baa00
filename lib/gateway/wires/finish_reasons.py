"""What a model's last word means, over whichever wire it comes: gateways hand on each other's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lib.core.conversation import Outcome
from lib.core.errors import NetworkError
from lib.core.reply import Event

_OUTCOME_BY_REASON = {
    "length": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "model_context_window_exceeded": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.INTERRUPTED,
    "error": Outcome.INTERRUPTED,
}


def to_outcome(reason: str) -> Outcome:
    """The outcome that a reason names; one that nobody knows is an end all the same."""
    return _OUTCOME_BY_REASON.get(reason, Outcome.COMPLETE)


def ignore_errors_after_finish(events: Iterator[Event], is_finished: Callable[[], bool]) -> Iterator[Event]:
    """The events; what breaks after the last word takes nothing from the answer.

    `finished` tells whether that has come. Raises what the events raise before it.
    """
    try:
        yield from events
    except NetworkError:
        if not is_finished():
            raise
