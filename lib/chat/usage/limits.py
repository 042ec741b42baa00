"""Enforcement of model permissions and usage limits before a request is sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lib.chat.usage import cost
from lib.chat.usage.cost import ImageUsage
from lib.chat.usage.recorder import PriceLookup
from lib.core import errors
from lib.core.conversation import Usage
from lib.core.policy import Limit, Policy, group_name, scope_kind
from lib.core.quota import LimitExceeded, QuotaCounter, Reservation, current_counter
from lib.core.user import User

log = logging.getLogger(__name__)


class QuotaStore(Protocol):
    """Storage of quota counters; each method may raise StoreError."""

    def reserve_all(self, owner: str, requested: Mapping[str, Sequence[Reservation]]) -> list[LimitExceeded]:
        """Reserve the maximum usage of requests by the ids of their usage records, all or nothing.

        Returns the rejected reservations, each with the amount of all requests together.
        """

    def release(self, owner: str, usage_record_id: str) -> None:
        """Release the reservation of a request that was not sent."""

    def used(self, owner: str, counters: Sequence[QuotaCounter]) -> dict[QuotaCounter, int]:
        """Return the used amount of each counter, reservations included."""


@dataclass(frozen=True)
class LimitStatus:
    """Usage of one limit, in its unit: requests, tokens or nano-dollars."""

    counter: QuotaCounter
    used: int
    limit: Limit

    @property
    def scope_kind(self) -> Literal["person", "group", "all"]:
        return scope_kind(self.counter.scope)

    @property
    def group_name(self) -> str:
        """The group that the limit is for, "" for other scopes."""
        return group_name(self.counter.scope)

    @property
    def usage_ratio(self) -> float:
        """The used share of the hard limit, or of the soft one without a hard one; above 1.0 if exceeded."""
        amount = self.limit.soft if self.limit.hard is None else self.limit.hard
        return self.used / amount if amount else float(amount is not None)

    @property
    def is_soft_limit_reached(self) -> bool:
        return self.limit.soft is not None and self.used >= self.limit.soft


@dataclass(frozen=True)
class ExpectedRequest:
    """A request that is about to be sent, with its maximum usage."""

    usage_record_id: str
    model: str
    max_usage: Usage
    images: ImageUsage | None = None


class NoLimits:
    """Enforcer that allows every request and counts nothing."""

    def reserve(
        self,
        usage_record_id: str,
        model: str,
        max_usage: Usage,
        images: ImageUsage | None = None,
        *,
        is_user_choice: bool = True,
    ) -> None:
        """Reserve the maximum usage of a request in every quota, before it is sent.

        The reservation is replaced by the actual usage when the record of this id is saved. The model
        permission is checked if `is_user_choice`. Raises ModelNotAllowed, LimitExceededError, PriceUnknown
        and StoreError; then nothing is reserved, and nothing may be sent.
        """
        request = ExpectedRequest(usage_record_id, model, max_usage, images)
        self.reserve_all([request], is_user_choice=is_user_choice)

    def reserve_all(self, requests: Sequence[ExpectedRequest], *, is_user_choice: bool = True) -> None:
        """Reserve the maximum usage of several requests as `reserve`: of all of them, or of none."""

    def release(self, usage_record_id: str) -> None:
        """Release the reservation of a request that was not sent; never raises."""

    def limit_statuses(self) -> list[LimitStatus]:
        """Return the usage of each limit of the user. Raises StoreError."""
        return []

    def warnings(self) -> list[LimitStatus]:
        """Return the limits with a reached soft limit. Raises StoreError."""
        return []


NO_LIMITS = NoLimits()


class LimitEnforcer(NoLimits):
    """Enforcer of a policy snapshot for one user; thread-safe.

    Only limited quotas are counted. The first use of a quota within its period starts from the usage records
    of the user or of the team; that of a group starts at 0. Requests running at that moment are not counted.
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

    def reserve_all(self, requests: Sequence[ExpectedRequest], *, is_user_choice: bool = True) -> None:
        for request in requests:
            if is_user_choice and not self._policy.is_model_allowed(self._user, request.model):
                raise errors.ModelNotAllowed(request.model)
        now = self._clock()
        limits = self._current_limits(now)
        reservations = {request.usage_record_id: self._list_reservations(request, limits) for request in requests}
        if limits and (exceeded := self._quota_store.reserve_all(self._user.id, reservations)):
            raise _limit_error(exceeded, now)

    def _list_reservations(
        self, request: ExpectedRequest, limits: Sequence[tuple[QuotaCounter, Limit]]
    ) -> list[Reservation]:
        """Return what a request needs of each limit. Raises PriceUnknown."""
        usage = request.max_usage
        needed: dict[str, int | None] = {
            "requests": 1,
            "tokens": (usage.input or 0) + (usage.output or 0),
            "cost": cost.max_cost(usage, self._price_lookup(request.model), request.images),
        }
        reservations = []
        for counter, limit in limits:
            amount = needed[counter.unit]
            if amount is None and limit.hard is not None:
                raise errors.PriceUnknown(request.model)
            reservations.append(Reservation(counter, amount or 0, limit.hard))
        return reservations

    def release(self, usage_record_id: str) -> None:
        if not self._current_limits(self._clock()):
            return
        try:
            self._quota_store.release(self._user.id, usage_record_id)
        except errors.StoreError:
            log.warning("a quota reservation could not be released, and stays counted", exc_info=True)

    def limit_statuses(self) -> list[LimitStatus]:
        return self._load_statuses(self._current_limits(self._clock()))

    def warnings(self) -> list[LimitStatus]:
        limits = self._current_limits(self._clock())
        soft_limits = [(counter, limit) for counter, limit in limits if limit.soft is not None]
        return [status for status in self._load_statuses(soft_limits) if status.is_soft_limit_reached]

    def _load_statuses(self, limits: Sequence[tuple[QuotaCounter, Limit]]) -> list[LimitStatus]:
        used = self._quota_store.used(self._user.id, [counter for counter, _ in limits]) if limits else {}
        return [LimitStatus(counter, used[counter], limit) for counter, limit in limits]

    def _current_limits(self, now: float) -> list[tuple[QuotaCounter, Limit]]:
        """Return the limits with the counters of the current period, the user's own first."""
        limits_by_scope = self._policy.limits_for(self._user)
        order = ("person", "group", "all")
        return [
            (current_counter(scope, name, now), limit)
            for scope in sorted(limits_by_scope, key=lambda scope: (order.index(scope_kind(scope)), scope))
            for name, limit in limits_by_scope[scope].active_limits()
        ]


def _limit_error(exceeded: Sequence[LimitExceeded], now: float) -> errors.LimitExceededError:
    """Return the error of the limit that resets last: waiting for an earlier one would not help."""
    permanent = [item for item in exceeded if item.reservation.amount > (item.reservation.hard_limit or 0)]
    last = max(permanent or exceeded, key=lambda item: item.reservation.counter.resets_at)
    counter = last.reservation.counter
    return errors.LimitExceededError(
        counter.scope,
        counter.limit_name,
        last.reservation.hard_limit or 0,
        last.remaining,
        last.reservation.amount,
        counter.resets_at,
        None if permanent else max(0.0, counter.resets_at - now),
    )
