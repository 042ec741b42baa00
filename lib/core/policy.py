"""What a team has settled: limits, who may use which models, the default target, shared prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from itertools import chain
from types import MappingProxyType

from lib.core.target import Target
from lib.core.user import Person

ALL = "all"  # the scope of everybody together
EACH = "each"  # of each person alone, where there is no rule of their own


@dataclass(frozen=True)
class Bound:
    """From `soft` on a person is warned, above `hard` nothing is sent; None is no end."""

    soft: int | None = None
    hard: int | None = None


@dataclass(frozen=True)
class Limits:
    """Requests of a minute, tokens and nano-dollars of a day and a month; these begin by UTC."""

    requests_minute: Bound = Bound()
    tokens_day: Bound = Bound()
    tokens_month: Bound = Bound()
    cost_day: Bound = Bound()
    cost_month: Bound = Bound()

    def bounds(self) -> Iterator[tuple[str, Bound]]:
        """Each bound that is one, with its name."""
        for one in fields(self):
            bound: Bound = getattr(self, one.name)
            if bound != Bound():
                yield one.name, bound


@dataclass(frozen=True)
class Rule:
    """What holds in one scope; `models` are patterns with * for any letters, None where all may be used."""

    limits: Limits = Limits()
    models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Prompt:
    """A system prompt that everybody may choose."""

    name: str
    text: str


@dataclass(frozen=True)
class Policy:
    """All of it. The scopes of `rules` are ALL, EACH, "group:" and a name, "person:" and an id."""

    rules: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    default: Target | None = None
    prompts: tuple[Prompt, ...] = ()

    def may(self, person: Person, model: str) -> bool:
        """Whether a person may use a model.

        A person's own rule decides; else those of their groups together; else that for EACH.
        """
        own = self._models(f"person:{person.id}")
        if own is None:
            shared = [models for scope in _groups(person) if (models := self._models(scope)) is not None]
            own = tuple(chain.from_iterable(shared)) if shared else self._models(EACH)
        return own is None or any(fnmatchcase(model.casefold(), pattern.casefold()) for pattern in own)

    def limits(self, person: Person) -> dict[str, Limits]:
        """The limits that hold for a person, by the scope that is counted; only those with a bound.

        A person's own take the place of those of EACH; a rule of theirs on models alone does not.
        """
        mine = f"person:{person.id}"
        found = {scope: self.rules[scope].limits for scope in (ALL, *_groups(person)) if scope in self.rules}
        own = (self.rules[scope].limits for scope in (mine, EACH) if scope in self.rules)
        found[mine] = next((limits for limits in own if limits != Limits()), Limits())
        return {scope: limits for scope, limits in found.items() if limits != Limits()}

    def unlimited(self) -> Policy:
        """The same without its limits."""
        return replace(
            self, rules={scope: replace(rule, limits=Limits()) for scope, rule in self.rules.items()}
        )

    def _models(self, scope: str) -> tuple[str, ...] | None:
        return self.rules[scope].models if scope in self.rules else None


def _groups(person: Person) -> list[str]:
    return [f"group:{group}" for group in person.groups]
