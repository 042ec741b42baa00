"""Authentication: identification of the user, sign-in pages, permissions, and the account section."""

from lib.ui.auth.access_control import (
    admin_action,
    current_admin,
    identity_persistence,
    require,
    require_reader,
)
from lib.ui.auth.sign_in_page import SIGN_IN

__all__ = ["SIGN_IN", "admin_action", "current_admin", "identity_persistence", "require", "require_reader"]
