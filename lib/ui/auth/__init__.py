"""Authentication: identification of the user, sign-in pages, and the account section."""

from lib.ui.auth.access_control import current_admin, identity_persistence, require

__all__ = ["current_admin", "identity_persistence", "require"]
