"""Faults of the database that those who run the server can name and end."""

from __future__ import annotations

from lib.core.errors import StoreError


class DatabaseFault(StoreError):
    """A fault of the database that those who run the server can name and end; nothing was changed."""


class DatabaseUnreachable(DatabaseFault):
    """Its server does not respond, or its file was removed."""

    code = "store_unreachable"


class DatabaseAccessDenied(DatabaseFault):
    """Its server refuses the user, the password or the name of the database."""

    code = "store_denied"


class DatabaseNotPermitted(DatabaseFault):
    """The path cannot be used, or the user has no rights in the database."""

    code = "store_not_permitted"


class DatabaseReadOnly(DatabaseFault):
    code = "store_read_only"


class DatabaseFull(DatabaseFault):
    """Its disk, quota or size limit is used up."""

    code = "store_full"


class DatabaseCorrupt(DatabaseFault):
    code = "store_corrupt"


class DatabaseTooNew(DatabaseFault):
    """A later release has changed its schema."""

    code = "store_newer"
