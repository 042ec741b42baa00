"""Audit events: actions of users, without content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

RETENTION_SECONDS = 400 * 86_400.0  # seconds

AuditAction = Literal[
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "export",
    "import",
    "share",
    "revoke",
    "delete",
    "delete_turn",
    "erase",
    "limits",
    "models",
    "default",
    "price",
    "price_deleted",
    "prompt",
    "prompt_deleted",
    "refused_params_reset",
    "put_out",
    "usage_of_all",
]
AUDIT_ACTIONS: tuple[AuditAction, ...] = get_args(AuditAction)


@dataclass(frozen=True)
class AuditEvent:
    """An action at `occurred_at`, in seconds since 1970, with the name of the actor at that time.

    `resource` is an id, a scope or a place; `details` hold counts and amounts. Neither holds content.
    """

    id: str
    occurred_at: float
    actor_id: str
    actor_name: str
    action: str
    resource: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
