"""Finish reasons of both wires as outcomes; gateways pass on each other's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lib.core.conversation import Outcome
from lib.core.errors import NetworkError
from lib.core.events import Event

_OUTCOME_BY_REASON = {
    # OpenAI
    "stop": Outcome.COMPLETE,
    "tool_calls": Outcome.COMPLETE,
    "function_call": Outcome.COMPLETE,
    "length": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    # Anthropic
    "end_turn": Outcome.COMPLETE,
    "stop_sequence": Outcome.COMPLETE,
    "tool_use": Outcome.COMPLETE,
    "max_tokens": Outcome.LENGTH,
    "model_context_window_exceeded": Outcome.LENGTH,
    "refusal": Outcome.REFUSED,
    "pause_turn": Outcome.INTERRUPTED,
    # Gateways
    "error": Outcome.INTERRUPTED,
}


def to_outcome(reason: str) -> Outcome:
    """Return the outcome of a finish reason; COMPLETE for an unknown one, since the model did stop."""
    return _OUTCOME_BY_REASON.get(reason, Outcome.COMPLETE)


def ignore_errors_after_finish(events: Iterator[Event], is_finished: Callable[[], bool]) -> Iterator[Event]:
    """Yield `events`; drop a NetworkError raised after the finish reason, when the answer is complete.

    Raises a NetworkError of `events` as long as `is_finished()` is false.
    """
    try:
        yield from events
    except NetworkError:
        if not is_finished():
            raise
