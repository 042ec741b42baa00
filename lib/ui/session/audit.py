"""Audit events of the session's user."""

from __future__ import annotations

import logging
from typing import Any

from lib.core.audit import AuditAction
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.session import resources

log = logging.getLogger(__name__)


def record(user: User, action: AuditAction, resource: str = "", **details: Any) -> None:
    """Record an audit event, also outside a run: ids, counts and kinds, no content.

    A failed write is logged and never blocks the action.
    """
    try:
        resources.store().audit.record(user, action, resource, **details)
    except StoreError:
        log.warning("an audit event could not be recorded: %s", action, exc_info=True)
