"""Requests in the gateway's log beside the recorded ones, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoggedRequest:
    """A request in the gateway's log; times in seconds since 1970, `cost` in nano-dollars.

    `quota` is in the gateway's internal units. None and "" are unknown; `input` counts cached tokens too.
    """

    request_id: str
    model: str
    started_at: float | None
    ended_at: float | None
    input: int | None
    output: int | None
    quota: int | None
    cost: int | None = None


@dataclass(frozen=True)
class RequestLog:
    """The gateway's log of one key. A truncated one lacks the requests before its oldest."""

    requests: tuple[LoggedRequest, ...]
    is_truncated: bool = False


@dataclass(frozen=True)
class RecordedRequest:
    """A request in the usage records, sent at `sent_at` and finished `seconds` later; `cost` in nano-dollars."""

    id: str
    request_id: str
    model: str
    sent_at: float
    seconds: float | None
    input: int | None
    output: int | None
    cost: int | None
    failed_before_output: bool = False


@dataclass(frozen=True)
class RequestMatch:
    """A request on both sides; a guess was not matched by its id. Differences are the gateway's less ours."""

    logged: LoggedRequest
    recorded: RecordedRequest
    is_guess: bool = False
    # The gateway rounds to whole units: a smaller difference in nano-dollars is none.
    rounding: int = 0

    @property
    def input_difference(self) -> int | None:
        return _difference(self.logged.input, self.recorded.input)

    @property
    def output_difference(self) -> int | None:
        return _difference(self.logged.output, self.recorded.output)

    @property
    def cost_difference(self) -> int | None:
        difference = _difference(self.logged.cost, self.recorded.cost)
        return 0 if difference is not None and abs(difference) <= self.rounding else difference

    @property
    def differs(self) -> bool:
        """True if a number differs, or one that the gateway has is unknown on our side."""
        pairs = (
            (self.input_difference, self.logged.input),
            (self.output_difference, self.logged.output),
            (self.cost_difference, self.logged.cost),
        )
        return any(difference or (difference is None and logged) for difference, logged in pairs)


@dataclass(frozen=True)
class Reconciliation:
    """The requests of a period on both sides; `uncompared_count` recorded ones are older than the gateway's log.

    Failures before any output are left out where only one side has them: they cost nothing.
    """

    matches: tuple[RequestMatch, ...] = ()
    only_logged: tuple[LoggedRequest, ...] = ()
    only_recorded: tuple[RecordedRequest, ...] = ()
    uncompared_count: int = 0

    @property
    def guess_count(self) -> int:
        return sum(match.is_guess for match in self.matches)

    @property
    def unmatched_count(self) -> int:
        return len(self.only_logged) + len(self.only_recorded)

    @property
    def unmatched_share(self) -> float:
        """The share of requests that only one side has, from 0 to 1; 0 without requests."""
        total = len(self.matches) + self.unmatched_count
        return self.unmatched_count / total if total else 0.0


def _difference(logged: int | None, recorded: int | None) -> int | None:
    return None if logged is None or recorded is None else logged - recorded
