"""What a team has settled: limits, who may use which models, the default target, shared prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from itertools import chain
from types import MappingProxyType

from lib.core.target import Target
from lib.core.user import User

TEAM_SCOPE = "all"  # the scope of everybody together
PER_USER_SCOPE = "each"  # of each person alone, where there is no rule of their own


@dataclass(frozen=True)
class Limit:
    """From `soft` on a person is warned, above `hard` nothing is sent; None is no end."""

    soft: int | None = None
    hard: int | None = None


@dataclass(frozen=True)
class Limits:
    """Requests of a minute, tokens and nano-dollars of a day and a month; these begin by UTC."""

    requests_minute: Limit = Limit()
    tokens_day: Limit = Limit()
    tokens_month: Limit = Limit()
    cost_day: Limit = Limit()
    cost_month: Limit = Limit()

    def active_limits(self) -> Iterator[tuple[str, Limit]]:
        """Each bound that is one, with its name."""
        for one in fields(self):
            bound: Limit = getattr(self, one.name)
            if bound != Limit():
                yield one.name, bound


@dataclass(frozen=True)
class ScopePolicy:
    """What holds in one scope; `models` are patterns with * for any letters, None where all may be used."""

    limits: Limits = Limits()
    model_patterns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Prompt:
    """A system prompt that everybody may choose."""

    name: str
    text: str


@dataclass(frozen=True)
class Policy:
    """All of it. The scopes of `rules` are ALL, EACH, "group:" and a name, "person:" and an id."""

    scopes: Mapping[str, ScopePolicy] = field(default_factory=lambda: MappingProxyType({}))
    default_target: Target | None = None
    prompts: tuple[Prompt, ...] = ()

    def is_model_allowed(self, user: User, model_id: str) -> bool:
        """Whether a person may use a model.

        A person's own rule decides; else those of their groups together; else that for EACH.
        """
        own = self._model_patterns(f"person:{user.id}")
        if own is None:
            shared = [
                models for scope in _group_scopes(user) if (models := self._model_patterns(scope)) is not None
            ]
            own = tuple(chain.from_iterable(shared)) if shared else self._model_patterns(PER_USER_SCOPE)
        return own is None or any(fnmatchcase(model_id.casefold(), pattern.casefold()) for pattern in own)

    def limits_for(self, user: User) -> dict[str, Limits]:
        """The limits that hold for a person, by the scope that is counted; only those with a bound.

        A person's own take the place of those of EACH; a rule of theirs on models alone does not.
        """
        mine = f"person:{user.id}"
        found = {
            scope: self.scopes[scope].limits
            for scope in (TEAM_SCOPE, *_group_scopes(user))
            if scope in self.scopes
        }
        own = (self.scopes[scope].limits for scope in (mine, PER_USER_SCOPE) if scope in self.scopes)
        found[mine] = next((limits for limits in own if limits != Limits()), Limits())
        return {scope: limits for scope, limits in found.items() if limits != Limits()}

    def without_limits(self) -> Policy:
        """The same without its limits."""
        return replace(
            self, scopes={scope: replace(rule, limits=Limits()) for scope, rule in self.scopes.items()}
        )

    def _model_patterns(self, scope: str) -> tuple[str, ...] | None:
        return self.scopes[scope].model_patterns if scope in self.scopes else None


def _group_scopes(user: User) -> list[str]:
    return [f"group:{group}" for group in user.groups]
