"""The questions about what a team has settled and who did what, as part of the store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.audit import AuditAction, AuditEvent
from lib.core.policy import Limits, Policy, Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.storage import audits, persons, policies, quotas
from lib.storage.engine import reading, writing


class Team:
    """What the store is asked of the policy and of the audit; what `by` changes is told there at once."""

    _engine: sa.Engine

    def policy(self) -> Policy:
        """What the team has settled, as far as it can be read."""
        with reading(self._engine) as connection:
            return policies.read(connection)

    def set_limits(self, actor: User, scope: str, limits: Limits) -> None:
        """Set what may be used in a scope; its models stay."""
        detail = {name: asdict(bound) for name, bound in limits.active_limits()}
        with self._act(actor, "limits", scope, detail) as connection:
            policies.set_limits(connection, actor.id, scope, limits)
            # What was used while a bound was away.
            quotas.recount(connection, time.time())

    def set_allowed_models(self, actor: User, scope: str, models: Sequence[str] | None) -> None:
        """Set the patterns of the models of a scope, None for all models; its limits stay."""
        with self._act(
            actor, "models", scope, {"patterns": None if models is None else list(models)}
        ) as both:
            policies.set_models(both, actor.id, scope, models)

    def set_team_default_target(self, actor: User, target: Target | None) -> None:
        """Set the target of new conversations of whoever has none of their own."""
        with self._act(
            actor, "default", target.model if target else "", asdict(target) if target else {}
        ) as both:
            policies.set_default(both, actor.id, target)

    def set_shared_prompt(self, actor: User, old_name: str, prompt: Prompt | None) -> None:
        """Put a shared prompt in the place of the one named `before`, or last; None deletes that one."""
        action: AuditAction = "prompt" if prompt else "prompt_deleted"
        with self._act(actor, action, "", {"letters": len(prompt.text)} if prompt else {}) as connection:
            policies.set_prompt(connection, actor.id, old_name, prompt)

    def revoke_sessions(self, actor: User, owner: str, issued_before: float) -> None:
        """Refuse the owner's sign-ins from before a moment, in seconds since 1970, because `by` wants it."""
        with self._act(actor, "put_out", owner, {}) as connection:
            persons.sign_out(connection, owner, issued_before)

    def record_audit_event(
        self, actor: User, action: AuditAction, resource: str = "", **details: Any
    ) -> None:
        """Tell in the audit what somebody did; nothing of its content belongs there."""
        with writing(self._engine, actor.id) as connection:
            audits.add(connection, actor, action, resource, details)

    def audit_events(
        self, limit: int, action: str = "", cursor: AuditEvent | None = None
    ) -> list[AuditEvent]:
        """The newest acts, or those of one action, newest first; a further page is from `before` on."""
        with reading(self._engine) as connection:
            return audits.newest(connection, limit, action, cursor)

    def purge_audit_events(self, max_age: float) -> int:
        """Remove acts of more than `age` seconds ago; returns how many."""
        with writing(self._engine) as connection:
            return audits.purge(connection, time.time() - max_age)

    @contextmanager
    def _act(
        self, by: User, action: AuditAction, object_: str, detail: dict[str, Any]
    ) -> Iterator[sa.Connection]:
        """A transaction that writes alone, and tells of itself in the audit."""
        with writing(self._engine) as connection:
            audits.add(connection, by, action, object_, detail)
            yield connection
