"""Whether a request may be sent: who may use which model, and what is left of the limits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lib.chat.usage import cost
from lib.chat.usage.recorder import PriceLookup
from lib.core import errors
from lib.core.conversation import Usage
from lib.core.policy import Limit, Policy
from lib.core.quota import LimitExceeded, QuotaCounter, Reservation, current_counter
from lib.core.user import User

log = logging.getLogger(__name__)


class QuotaStore(Protocol):
    """Where it is counted what is used of limits; each method may raise StoreError."""

    def reserve(
        self, owner: str, usage_record_id: str, reservations: Sequence[Reservation]
    ) -> list[LimitExceeded]:
        """Reserve what a request may take, all of it or nothing; returns the claims that do not fit."""

    def release(self, owner: str, usage_record_id: str) -> None:
        """Give back what is reserved for a request that was not sent."""

    def used(self, owner: str, counters: Sequence[QuotaCounter]) -> dict[QuotaCounter, int]:
        """What is used of each counter, with what is reserved."""


@dataclass(frozen=True)
class LimitStatus:
    """How far a bound is used, in its unit: requests, tokens or nano-dollars."""

    counter: QuotaCounter
    used: int
    limit: Limit

    @property
    def scope_kind(self) -> Literal["person", "group", "all"]:
        return scope_kind(self.counter.scope)

    @property
    def group_name(self) -> str:
        """The name of the group that it is for, "" where it is for none."""
        return group_name(self.counter.scope)

    @property
    def usage_ratio(self) -> float:
        """What is used of the hard bound, else of the soft one; more than 1.0 above it."""
        whole = self.limit.soft if self.limit.hard is None else self.limit.hard
        return self.used / whole if whole else float(whole is not None)

    @property
    def is_soft_limit_reached(self) -> bool:
        """Whether the soft bound is reached."""
        return self.limit.soft is not None and self.used >= self.limit.soft


class NoLimits:
    """Lets everything through, and counts nothing."""

    def reserve(
        self, usage_record_id: str, model: str, max_usage: Usage, *, is_user_choice: bool = True
    ) -> None:
        """Take what a request may need of every limit, before it is sent; `request` is its id in the ledger.

        `about` is what budget.most says. `chosen` is whether the person has chosen the model. It is settled
        with what the request took. Raises ModelNotAllowed, OverLimit, PriceUnknown, StoreError: then
        nothing is taken, and nothing may be sent.
        """

    def release(self, usage_record_id: str) -> None:
        """Give back what is taken for a request that was not sent after all; never raises."""

    def limit_statuses(self) -> list[LimitStatus]:
        """Each bound that holds for the person, and how far it is used. May raise StoreError."""
        return []

    def warnings(self) -> list[LimitStatus]:
        """Those whose soft bound is reached. May raise StoreError."""
        return []


NO_LIMITS = NoLimits()


class LimitEnforcer(NoLimits):
    """Holds one person to what the team has settled, as it was when this was made. Any thread may ask it.

    Only what has a bound is counted. Where one is set within its day or month, the ledger tells what one
    person and all together used before; that of a group begins with nothing, and none has what was under
    way just then.
    """

    def __init__(
        self,
        user: User,
        policy: Policy,
        quota_store: QuotaStore,
        price_lookup: PriceLookup,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._user = user
        self._policy = policy
        self._quota_store = quota_store
        self._price_lookup = price_lookup
        self._clock = clock

    def reserve(
        self, usage_record_id: str, model: str, max_usage: Usage, *, is_user_choice: bool = True
    ) -> None:
        if is_user_choice and not self._policy.is_model_allowed(self._user, model):
            raise errors.ModelNotAllowed
        needed: dict[str, int | None] = {
            "requests": 1,
            "tokens": (max_usage.input or 0) + (max_usage.output or 0),
            "cost": cost.max_cost(max_usage, self._price_lookup(model)),
        }
        now, claims = self._clock(), []
        for counter, bound in self._current_limits(now):
            amount = needed[counter.unit]
            if amount is None and bound.hard is not None:
                raise errors.PriceUnknown
            claims.append(Reservation(counter, amount or 0, bound.hard))
        if claims and (over := self._quota_store.reserve(self._user.id, usage_record_id, claims)):
            raise _limit_error(over, now)

    def release(self, usage_record_id: str) -> None:
        if not self._current_limits(self._clock()):
            return
        try:
            self._quota_store.release(self._user.id, usage_record_id)
        except errors.StoreError:
            log.warning("what was reserved could not be given back, and stays counted", exc_info=True)

    def limit_statuses(self) -> list[LimitStatus]:
        return self._load_statuses(self._current_limits(self._clock()))

    def warnings(self) -> list[LimitStatus]:
        bounds = self._current_limits(self._clock())
        return [
            one
            for one in self._load_statuses([(c, b) for c, b in bounds if b.soft is not None])
            if one.is_soft_limit_reached
        ]

    def _load_statuses(self, limits: Sequence[tuple[QuotaCounter, Limit]]) -> list[LimitStatus]:
        used = self._quota_store.used(self._user.id, [counter for counter, _ in limits]) if limits else {}
        return [LimitStatus(counter, used[counter], bound) for counter, bound in limits]

    def _current_limits(self, now: float) -> list[tuple[QuotaCounter, Limit]]:
        """The counters of this moment, the person's own first."""
        found = self._policy.limits_for(self._user)
        order = ("person", "group", "all")
        return [
            (current_counter(scope, name, now), bound)
            for scope in sorted(found, key=lambda scope: (order.index(scope_kind(scope)), scope))
            for name, bound in found[scope].active_limits()
        ]


def scope_kind(scope: str) -> Literal["person", "group", "all"]:
    """Whom a scope is of."""
    if scope.startswith("person:"):
        return "person"
    return "group" if scope.startswith("group:") else "all"


def group_name(scope: str) -> str:
    """The name of the group that a scope is of, "" for others."""
    return scope.removeprefix("group:") if scope_kind(scope) == "group" else ""


def _limit_error(exceeded: Sequence[LimitExceeded], now: float) -> errors.LimitExceededError:
    """The one of several that holds longest: who waits for another meets it then."""
    never = [one for one in exceeded if one.reservation.amount > (one.reservation.hard_limit or 0)]
    worst = max(never or exceeded, key=lambda one: one.reservation.counter.resets_at)
    counter, amount, hard = (
        worst.reservation.counter,
        worst.reservation.amount,
        worst.reservation.hard_limit or 0,
    )
    wait = None if never else max(0.0, counter.resets_at - now)
    return errors.LimitExceededError(
        counter.scope, counter.limit_name, hard, worst.remaining, amount, counter.resets_at, wait
    )
