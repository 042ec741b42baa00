"""Whether a request may be sent: who may use which model, and what is left of the limits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lib.chat.usage import cost
from lib.chat.usage.recorder import Tariffs
from lib.core import errors
from lib.core.conversation import Usage
from lib.core.policy import Bound, Policy
from lib.core.quota import Claim, Counter, Over, current
from lib.core.user import Person

log = logging.getLogger(__name__)


class Counts(Protocol):
    """Where it is counted what is used of limits; each method may raise StoreError."""

    def reserve(self, owner: str, request: str, claims: Sequence[Claim]) -> list[Over]:
        """Reserve what a request may take, all of it or nothing; returns the claims that do not fit."""

    def release(self, owner: str, request: str) -> None:
        """Give back what is reserved for a request that was not sent."""

    def used(self, owner: str, counters: Sequence[Counter]) -> dict[Counter, int]:
        """What is used of each counter, with what is reserved."""


@dataclass(frozen=True)
class Left:
    """How far a bound is used, in its unit: requests, tokens or nano-dollars."""

    counter: Counter
    used: int
    bound: Bound

    @property
    def kind(self) -> Literal["person", "group", "all"]:
        return kind(self.counter.scope)

    @property
    def group(self) -> str:
        """The name of the group that it is for, "" where it is for none."""
        return group(self.counter.scope)

    @property
    def share(self) -> float:
        """What is used of the hard bound, else of the soft one; more than 1.0 above it."""
        whole = self.bound.soft if self.bound.hard is None else self.bound.hard
        return self.used / whole if whole else float(whole is not None)

    @property
    def soft(self) -> bool:
        """Whether the soft bound is reached."""
        return self.bound.soft is not None and self.used >= self.bound.soft


class Free:
    """Lets everything through, and counts nothing."""

    def reserve(self, request: str, model: str, about: Usage, *, chosen: bool = True) -> None:
        """Take what a request may need of every limit, before it is sent; `request` is its id in the ledger.

        `about` is what budget.most says. `chosen` is whether the person has chosen the model. It is settled
        with what the request took. Raises ModelNotAllowed, OverLimit, PriceUnknown, StoreError: then
        nothing is taken, and nothing may be sent.
        """

    def release(self, request: str) -> None:
        """Give back what is taken for a request that was not sent after all; never raises."""

    def left(self) -> list[Left]:
        """Each bound that holds for the person, and how far it is used. May raise StoreError."""
        return []

    def warnings(self) -> list[Left]:
        """Those whose soft bound is reached. May raise StoreError."""
        return []


FREE = Free()


class Guard(Free):
    """Holds one person to what the team has settled, as it was when this was made. Any thread may ask it.

    Only what has a bound is counted. Where one is set within its day or month, the ledger tells what one
    person and all together used before; that of a group begins with nothing, and none has what was under
    way just then.
    """

    def __init__(
        self,
        person: Person,
        policy: Policy,
        counts: Counts,
        tariffs: Tariffs,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._person = person
        self._policy = policy
        self._counts = counts
        self._tariffs = tariffs
        self._clock = clock

    def reserve(self, request: str, model: str, about: Usage, *, chosen: bool = True) -> None:
        if chosen and not self._policy.may(self._person, model):
            raise errors.ModelNotAllowed
        needed: dict[str, int | None] = {
            "requests": 1,
            "tokens": (about.input or 0) + (about.output or 0),
            "cost": cost.dearest(about, self._tariffs(model)),
        }
        now, claims = self._clock(), []
        for counter, bound in self._bounds(now):
            amount = needed[counter.unit]
            if amount is None and bound.hard is not None:
                raise errors.PriceUnknown
            claims.append(Claim(counter, amount or 0, bound.hard))
        if claims and (over := self._counts.reserve(self._person.id, request, claims)):
            raise _refusal(over, now)

    def release(self, request: str) -> None:
        if not self._bounds(self._clock()):
            return
        try:
            self._counts.release(self._person.id, request)
        except errors.StoreError:
            log.warning("what was reserved could not be given back, and stays counted", exc_info=True)

    def left(self) -> list[Left]:
        return self._left(self._bounds(self._clock()))

    def warnings(self) -> list[Left]:
        bounds = self._bounds(self._clock())
        return [one for one in self._left([(c, b) for c, b in bounds if b.soft is not None]) if one.soft]

    def _left(self, bounds: Sequence[tuple[Counter, Bound]]) -> list[Left]:
        used = self._counts.used(self._person.id, [counter for counter, _ in bounds]) if bounds else {}
        return [Left(counter, used[counter], bound) for counter, bound in bounds]

    def _bounds(self, now: float) -> list[tuple[Counter, Bound]]:
        """The counters of this moment, the person's own first."""
        found = self._policy.limits(self._person)
        order = ("person", "group", "all")
        return [
            (current(scope, name, now), bound)
            for scope in sorted(found, key=lambda scope: (order.index(kind(scope)), scope))
            for name, bound in found[scope].bounds()
        ]


def kind(scope: str) -> Literal["person", "group", "all"]:
    """Whom a scope is of."""
    if scope.startswith("person:"):
        return "person"
    return "group" if scope.startswith("group:") else "all"


def group(scope: str) -> str:
    """The name of the group that a scope is of, "" for others."""
    return scope.removeprefix("group:") if kind(scope) == "group" else ""


def _refusal(over: Sequence[Over], now: float) -> errors.OverLimit:
    """The one of several that holds longest: who waits for another meets it then."""
    never = [one for one in over if one.claim.amount > (one.claim.hard or 0)]
    worst = max(never or over, key=lambda one: one.claim.counter.resets)
    counter, amount, hard = worst.claim.counter, worst.claim.amount, worst.claim.hard or 0
    wait = None if never else max(0.0, counter.resets - now)
    return errors.OverLimit(counter.scope, counter.name, hard, worst.left, amount, counter.resets, wait)
