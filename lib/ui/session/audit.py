"""What a person did, told in the audit: that this fails is no reason not to do it."""

from __future__ import annotations

import logging
from typing import Any

from lib.core.audit import AuditAction
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.session import resources

log = logging.getLogger(__name__)


def record(user: User, action: AuditAction, object_: str = "", **detail: Any) -> None:
    """Tell of an act that is done; may be called outside a run. No content: ids, counts, kinds."""
    try:
        resources.store().audit.record(user, action, object_, **detail)
    except StoreError:
        log.warning("the audit misses an act: %s", action, exc_info=True)
