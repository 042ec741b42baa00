"""Counts the requests behind one answer, each as a Spend: those that were tried again as well."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lib.chat.usage import cost
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.pricing import Tariff
from lib.core.reply import Event, Finish, Restart, Served, TextDelta, ThinkingDelta, UsageReport, Waiting
from lib.core.sanitize import cleaned
from lib.core.target import Target
from lib.core.usage import Purpose, Spend

Tariffs = Callable[[str], Tariff | None]


def unpriced(_: str) -> Tariff | None:
    """What every model costs where nobody knows."""
    return None


@dataclass(frozen=True)
class Entry:
    """What is known of requests before they are sent; those tried again add a number to the `id`."""

    id: str
    conversation: str
    purpose: Purpose
    target: Target
    node: str | None = None


class Tally:
    """Follows the events of one answer from its first request on; one thread at a time."""

    def __init__(self, entry: Entry, tariffs: Tariffs) -> None:
        self._entry = entry
        self._tariffs = tariffs
        self._done: list[Spend] = []
        self._begin(0.0)

    def _begin(self, pause: float) -> None:
        self._at, self._began = time.time() + pause, time.monotonic() + pause
        self._timing = Timing()
        self._usage = self._vain = Usage()
        self._request_id = ""
        self._finished, self._guessed = False, False

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:  # nearly all are
            if self._timing.spoke is None:
                self._clock(spoke=True)
            return
        match event:
            case ThinkingDelta():
                if self._timing.first is None:
                    self._clock(spoke=False)
            case UsageReport(usage):
                self._usage = usage.or_else(self._usage)
            case Served(facts, choice) if not choice:
                told = cleaned({name: facts.get(name) for name in ("request_id", "id")})
                self._request_id = self._request_id or str(told["request_id"] or told["id"] or "")
            case Finish():
                self._finished = True
            case Restart():
                self._guessed |= self._guess()
                self._vain += self._usage  # what was begun in vain has been paid for too
                self._usage, self._finished = Usage(), False
            case Waiting(seconds):
                self._close(Outcome.FAILED)
                self._begin(seconds)

    def ended(self, outcome: Outcome, request_id: str = "") -> tuple[Spend, ...]:
        """Every request that was sent; the last of them ended so, the others failed.

        `request_id` is what its failure names, where nothing else did.
        """
        if time.monotonic() >= self._began:  # else it was given up in the pause before it
            self._request_id = self._request_id or request_id
            self._close(outcome)
        return tuple(self._done)

    def _clock(self, *, spoke: bool) -> None:
        now = time.monotonic() - self._began
        first = now if self._timing.first is None else self._timing.first
        self._timing = Timing(first, now if spoke else None)

    def _guess(self) -> bool:
        """Whether the tokens that were said are a guess: that wire counts them with its last word."""
        return (
            self._entry.target.wire == "anthropic" and not self._finished and self._usage.output is not None
        )

    def _close(self, outcome: Outcome) -> None:
        entry, number = self._entry, len(self._done) + 1
        usage = self._vain + self._usage
        if self._guessed or self._guess():
            usage = replace(usage, output=None)
        tariff = self._tariffs(entry.target.model)
        self._done.append(
            Spend(
                entry.id if number == 1 else f"{entry.id}.{number}",
                entry.conversation,
                entry.purpose,
                entry.target,
                usage,
                replace(self._timing, total=max(0.0, time.monotonic() - self._began)),
                outcome,
                self._request_id,
                self._at,
                entry.node,
                tariff.of(usage.input or 0) if tariff else None,
                tariff.source if tariff else None,
                cost.cost(usage, tariff),
            )
        )
