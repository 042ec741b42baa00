"""Maximum length of an answer: a gateway that never ends one must not fill memory and database."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from lib.core.conversation import ANSWER_LIMIT, ImagePart, Outcome
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    ProviderMetadata,
    RedactedThinking,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)

MAX_IMAGE_CHARS = 150_000_000  # of base64, in all images of an answer and their previews


def limit_answer(events: Iterable[Event], max_chars: int) -> Iterator[Event]:
    """Yield `events` until text, thinking and everything else but images have `max_chars` characters.

    Then all alternatives end as cut by a limit, with the finish reason ANSWER_LIMIT, and the request is closed. What
    a restart discards counts too.
    """
    remaining, remaining_images, choices = max_chars, MAX_IMAGE_CHARS, {0}
    try:
        for event in events:
            if isinstance(event, TextDelta | ThinkingDelta):
                length = len(event.text)
                choices.add(event.choice)
                if 0 < remaining < length:
                    yield replace(event, text=event.text[:remaining])
                remaining -= length
            elif isinstance(event, ContentPart) and isinstance(event.part, ImagePart):
                remaining_images -= len(event.part.data) + len(event.part.url)
            elif isinstance(event, SignatureDelta | RedactedThinking | Citation | ContentPart | ProviderMetadata):
                remaining -= len(repr(event))
            if remaining < 0 or remaining_images < 0:
                yield from (Finish(Outcome.LENGTH, ANSWER_LIMIT, choice) for choice in sorted(choices))
                return
            yield event
    finally:
        if isinstance(events, Generator):
            events.close()
