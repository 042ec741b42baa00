"""The team's policy: limits and model access by scope, default target, prices."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from lib.core.audit import AuditAction
from lib.core.policy import Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import Price, TeamPrice
from lib.core.target import Target, parse_target
from lib.core.user import User
from lib.storage.audit import insert_event
from lib.storage.database.engine import Aggregate, upsert
from lib.storage.quotas import recount
from lib.storage.rows import price_from_json, price_to_json
from lib.storage.schema.tables import policy as policies

# Names of rows; a scope or a model id follows the prefix.
_SCOPE_PREFIX, _PRICE_PREFIX, _DEFAULT = "rule:", "price:", "default"


class Policies(Aggregate):
    """The policy, one row a scope. Each change writes its audit event in the same transaction.

    Rows that cannot be parsed are skipped when read, and preserved when another part of them changes.
    """

    def load(self) -> Policy:
        with self._read() as connection:
            return _load(connection)

    def set_limits(self, actor: User, scope: str, limits: Limits) -> None:
        """Replace the limits of a scope; its model access stays."""
        value = {name: asdict(limit) for name, limit in limits.active_limits()}
        with self._audited(actor, "limits", scope, value) as connection:
            _update_scope(connection, actor.id, scope, "limits", value or None)
            recount(connection, time.time())

    def set_allowed_models(self, actor: User, scope: str, models: Sequence[str] | None) -> None:
        """Replace the patterns of models allowed in a scope, None for all models; its limits stay."""
        patterns = None if models is None else list(models)
        with self._audited(actor, "models", scope, {"patterns": patterns}) as connection:
            _update_scope(connection, actor.id, scope, "models", patterns)

    def set_default_target(self, actor: User, target: Target | None) -> None:
        """Set the target of new conversations for users without a default of their own."""
        value = asdict(target) if target else {}
        with self._audited(actor, "default", target.model if target else "", value) as connection:
            _upsert(connection, actor.id, _DEFAULT, value)

    def set_price(self, actor: User, model_id: str, price: Price | None) -> None:
        """Set the price of a model, with the time and the author; None deletes it."""
        action: AuditAction = "price" if price else "price_deleted"
        value = price_to_json(price)
        with self._audited(actor, action, model_id, value or {}) as connection:
            name = _PRICE_PREFIX + model_id
            if price:
                _upsert(connection, actor.id, name, value)
            else:
                connection.execute(sa.delete(policies).where(policies.c.name == name))

    @contextmanager
    def _audited(
        self, actor: User, action: AuditAction, resource: str, details: Mapping[str, Any]
    ) -> Iterator[sa.Connection]:
        """Open an exclusive write transaction with an audit event."""
        with self._write() as connection:
            insert_event(connection, actor, action, resource, details)
            yield connection


def _load(connection: sa.Connection) -> Policy:
    rows = list(connection.execute(sa.select(policies)))
    values = {row.name: row.value for row in rows}
    scopes = {
        name.removeprefix(_SCOPE_PREFIX): _scope_policy_from_json(value)
        for name, value in values.items()
        if name.startswith(_SCOPE_PREFIX)
    }
    default = values.get(_DEFAULT)
    return Policy(
        MappingProxyType(scopes),
        parse_target(default.get("model"), default.get("wire")) if isinstance(default, Mapping) else None,
        MappingProxyType(
            {
                row.name.removeprefix(_PRICE_PREFIX): TeamPrice(price, row.changed, row.by)
                for row in rows
                if row.name.startswith(_PRICE_PREFIX) and (price := price_from_json(row.value))
            }
        ),
    )


def _update_scope(connection: sa.Connection, actor_id: str, scope: str, part: str, value: Any) -> None:
    """Replace one part of a scope's row; the rest of it stays, even keys of another version."""
    name = _SCOPE_PREFIX + scope
    old = connection.scalar(sa.select(policies.c.value).where(policies.c.name == name))
    new = {key: item for key, item in old.items() if key != part} if isinstance(old, dict) else {}
    if value is not None:
        new[part] = value
    if new:
        _upsert(connection, actor_id, name, new)
    else:
        connection.execute(sa.delete(policies).where(policies.c.name == name))


def _upsert(connection: sa.Connection, actor_id: str, name: str, value: Any) -> None:
    upsert(connection, policies, {"name": name}, {"value": value, "changed": time.time(), "by": actor_id})


def _scope_policy_from_json(raw: Any) -> ScopePolicy:
    value = raw if isinstance(raw, Mapping) else {}
    limits = value.get("limits")
    by_name = limits if isinstance(limits, Mapping) else {}
    parsed = {field.name: _limit_from_json(by_name.get(field.name)) for field in fields(Limits)}
    return ScopePolicy(Limits(**parsed), _patterns_from_json(value.get("models")))


def _patterns_from_json(raw: Any) -> tuple[str, ...] | None:
    # Unreadable patterns must not open what was closed: they match no model.
    if raw is None:
        return None
    return tuple(pattern for pattern in raw if isinstance(pattern, str)) if isinstance(raw, list) else ()


def _limit_from_json(raw: Any) -> Limit:
    value = raw if isinstance(raw, Mapping) else {}
    return Limit(_amount_from_json(value.get("soft")), _amount_from_json(value.get("hard")))


def _amount_from_json(raw: Any) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None
