"""Team policy: limits and model permissions by scope, the default target, prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from types import MappingProxyType
from typing import Literal

from lib.core.pricing import TeamPrice
from lib.core.target import Target, matches_pattern
from lib.core.user import User

TEAM_SCOPE = "all"  # all users together
PER_USER_SCOPE = "each"  # each user, unless the user has a scope of their own


@dataclass(frozen=True)
class Limit:
    """A soft limit, at which users are warned, and a hard limit; None is unlimited."""

    soft: int | None = None
    hard: int | None = None


@dataclass(frozen=True)
class Limits:
    """Limits on requests per minute, and on tokens and nano-dollars per day and month, which start in UTC."""

    requests_minute: Limit = Limit()
    tokens_day: Limit = Limit()
    tokens_month: Limit = Limit()
    cost_day: Limit = Limit()
    cost_month: Limit = Limit()

    def active_limits(self) -> Iterator[tuple[str, Limit]]:
        """Yield the name and value of each limit that is set."""
        for field_ in fields(self):
            limit: Limit = getattr(self, field_.name)
            if limit != Limit():
                yield field_.name, limit


@dataclass(frozen=True)
class ScopePolicy:
    """The policy of one scope; `model_patterns` are for `matches_pattern`, None allows all models."""

    limits: Limits = Limits()
    model_patterns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Policy:
    """The policy of a team; scopes are TEAM_SCOPE, PER_USER_SCOPE, "group:NAME" and "person:ID".

    `prices` are by model id, for models whose price nobody else states.
    """

    scopes: Mapping[str, ScopePolicy] = field(default_factory=lambda: MappingProxyType({}))
    default_target: Target | None = None
    prices: Mapping[str, TeamPrice] = field(default_factory=lambda: MappingProxyType({}))

    def is_model_allowed(self, user: User, model_id: str) -> bool:
        """Return True if the user has permission for a model.

        The user's own scope decides, else those of their groups together, else PER_USER_SCOPE.
        """
        patterns = self._model_patterns(user_scope(user.id))
        if patterns is None:
            group_patterns = [
                patterns for scope in _group_scopes(user) if (patterns := self._model_patterns(scope)) is not None
            ]
            patterns = (
                tuple(chain.from_iterable(group_patterns)) if group_patterns else self._model_patterns(PER_USER_SCOPE)
            )
        return patterns is None or any(matches_pattern(model_id, pattern) for pattern in patterns)

    def limits_for(self, user: User) -> dict[str, Limits]:
        """Return the limits of a user by scope, without empty ones.

        Limits of the user's own scope replace those of PER_USER_SCOPE; a scope with model patterns only does
        not.
        """
        own_scope = user_scope(user.id)
        limits_by_scope = {
            scope: self.scopes[scope].limits for scope in (TEAM_SCOPE, *_group_scopes(user)) if scope in self.scopes
        }
        candidates = (self.scopes[scope].limits for scope in (own_scope, PER_USER_SCOPE) if scope in self.scopes)
        limits_by_scope[own_scope] = next((limits for limits in candidates if limits != Limits()), Limits())
        return {scope: limits for scope, limits in limits_by_scope.items() if limits != Limits()}

    def has_hard_cost_limit(self) -> bool:
        """Return True if any scope has a hard limit on costs, which refuses models of unknown price."""
        limits = (scope_policy.limits for scope_policy in self.scopes.values())
        return any(limit.hard is not None for each in limits for limit in (each.cost_day, each.cost_month))

    def without_limits(self) -> Policy:
        """Return the policy without its limits."""
        return replace(self, scopes={scope: replace(rule, limits=Limits()) for scope, rule in self.scopes.items()})

    def _model_patterns(self, scope: str) -> tuple[str, ...] | None:
        return self.scopes[scope].model_patterns if scope in self.scopes else None


def user_scope(user_id: str) -> str:
    return f"person:{user_id}"


def group_scope(group: str) -> str:
    return f"group:{group}"


def scope_kind(scope: str) -> Literal["person", "group", "all"]:
    """Return the kind of a scope: one user, a group, or all users."""
    kind = scope.partition(":")[0]
    return "person" if kind == "person" else "group" if kind == "group" else "all"


def group_name(scope: str) -> str:
    """Return the group of a group scope, "" for other scopes."""
    return scope.removeprefix("group:") if scope_kind(scope) == "group" else ""


def _group_scopes(user: User) -> list[str]:
    return [group_scope(group) for group in user.groups]
