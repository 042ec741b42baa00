"""The patience after a finish reason, with which the end of a stream is waited for.

A finish reason should be the end of the text, and then usage and an end marker follow within moments. But some gateways
send "stop" with every chunk or with the first one, and others never send an end marker and keep the connection open.
So:

1. An end marker, or the end of the body, ends the answer at once.
2. Once the usage has been reported behind a finish reason, TRAILING_EVENTS_TIMEOUT is left for the end marker.
3. After a finish reason that looks like a true one, because text came before without any, FINISH_TIMEOUT is left for
   usage and end marker. What is there by then is the whole answer.
4. After any other finish reason, and for good once text has come behind one, the ordinary patience applies: text may
   still come. If that runs out, the answer was cut (`FinishState` revokes the finish reason).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    Restart,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)

# Seconds in which the end marker has to arrive when the usage is there.
TRAILING_EVENTS_TIMEOUT = 5.0
# Seconds in which the usage has to arrive. Shorter than a reader would wait, longer than a pause in a text.
FINISH_TIMEOUT = 15.0

CONTENT_EVENTS = (TextDelta, ThinkingDelta, ContentPart, Citation)


class Deadline(Protocol):
    """The part of a response that limits the time in which its body is read."""

    def set_deadline(self, seconds: float) -> None: ...

    def clear_deadline(self) -> None: ...


def limit_trailing_time(events: Iterable[Event], response: Deadline, choice_count: int) -> Iterator[Event]:
    """Yield `events` and set the deadline of their response; it counts from the end of the last choice."""
    finished: set[int] = set()
    has_late_text = False
    for event in events:
        yield event
        if type(event) is TextDelta and not finished:
            continue  # nearly all events
        if type(event) is Restart:
            finished, has_late_text = set(), False
            response.clear_deadline()
        elif type(event) is Finish:
            finished.add(event.choice)
            if len(finished) >= choice_count and not has_late_text and not event.is_tentative:
                response.set_deadline(FINISH_TIMEOUT)
        elif isinstance(event, TextDelta | ThinkingDelta | ContentPart) and event.choice in finished:
            has_late_text = True
            response.clear_deadline()
        elif type(event) is UsageReport and len(finished) >= choice_count and not has_late_text:
            response.set_deadline(TRAILING_EVENTS_TIMEOUT)
