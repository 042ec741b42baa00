"""Rows of what a team has settled, as the Policy that they are; what cannot be read is left out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from lib.core.policy import Limit, Limits, Policy, Prompt, ScopePolicy
from lib.core.target import Target, is_wire
from lib.storage.engine import insert
from lib.storage.schema import policy as policies

_RULE, _DEFAULT, _PROMPTS = "rule:", "default", "prompts"


def read(connection: sa.Connection) -> Policy:
    rows = {row.name: row.value for row in connection.execute(sa.select(policies))}
    rules = {name.removeprefix(_RULE): _rule(value) for name, value in rows.items() if name.startswith(_RULE)}
    return Policy(MappingProxyType(rules), _target(rows.get(_DEFAULT)), _prompts(rows.get(_PROMPTS)))


def set_limits(connection: sa.Connection, by: str, scope: str, limits: Limits) -> None:
    told = {name: asdict(bound) for name, bound in limits.active_limits()}
    _change(connection, by, scope, "limits", told or None)


def set_models(connection: sa.Connection, by: str, scope: str, models: Sequence[str] | None) -> None:
    _change(connection, by, scope, "models", None if models is None else list(models))


def set_default(connection: sa.Connection, by: str, target: Target | None) -> None:
    _write(connection, by, _DEFAULT, asdict(target) if target else {})


def set_prompt(connection: sa.Connection, by: str, before: str, prompt: Prompt | None) -> None:
    """Put a prompt in the place of the one of the name `before`, or last; None takes that one away."""
    known = list(read(connection).prompts)
    names = [one.name for one in known]
    place = names.index(before) if before in names else len(known)
    known[place : place + 1] = [prompt] if prompt else []
    _write(connection, by, _PROMPTS, [asdict(one) for one in known])


def _change(connection: sa.Connection, by: str, scope: str, part: str, value: Any) -> None:
    """Set one part of a rule; the rest of it stays as it is, known or not."""
    name = _RULE + scope
    before = connection.scalar(sa.select(policies.c.value).where(policies.c.name == name))
    rest = {key: old for key, old in before.items() if key != part} if isinstance(before, dict) else {}
    now = rest if value is None else {**rest, part: value}
    if now:
        _write(connection, by, name, now)
    else:
        connection.execute(sa.delete(policies).where(policies.c.name == name))


def _write(connection: sa.Connection, by: str, name: str, value: Any) -> None:
    values = {"value": value, "changed": time.time(), "by": by}
    fresh = insert(connection, policies).values(name=name, **values)
    connection.execute(fresh.on_conflict_do_update(index_elements=[policies.c.name], set_=values))


def _rule(raw: Any) -> ScopePolicy:
    found = raw if isinstance(raw, Mapping) else {}
    limits = found.get("limits")
    told = limits if isinstance(limits, Mapping) else {}
    bounds = {one.name: _bound(told.get(one.name)) for one in fields(Limits)}
    return ScopePolicy(Limits(**bounds), _patterns(found.get("models")))


def _patterns(raw: Any) -> tuple[str, ...] | None:
    # What was closed and cannot be read does not open: it fits no model.
    if raw is None:
        return None
    return tuple(one for one in raw if isinstance(one, str)) if isinstance(raw, list) else ()


def _bound(raw: Any) -> Limit:
    found = raw if isinstance(raw, Mapping) else {}
    return Limit(_amount(found.get("soft")), _amount(found.get("hard")))


def _amount(raw: Any) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None


def _target(raw: Any) -> Target | None:
    model, wire = (raw.get("model"), raw.get("wire")) if isinstance(raw, Mapping) else (None, None)
    named = isinstance(model, str) and model and isinstance(wire, str) and is_wire(wire)
    return Target(model, wire) if named else None  # type: ignore[arg-type]  # both are seen to above


def _prompts(raw: Any) -> tuple[Prompt, ...]:
    found = [one for one in raw if isinstance(one, Mapping)] if isinstance(raw, list) else []
    told = [(one.get("name"), one.get("text")) for one in found]
    return tuple(Prompt(name, text) for name, text in told if isinstance(name, str) and isinstance(text, str))
