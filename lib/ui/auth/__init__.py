"""Authentication: identification of the user, sign-in pages, permissions, and the account section."""

from lib.ui.auth.access_control import admin_action, current_admin, identity_persistence, require

__all__ = ["admin_action", "current_admin", "identity_persistence", "require"]
