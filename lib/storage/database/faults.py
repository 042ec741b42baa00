"""Faults of a database: what an error of its driver means for those who run the server, logged once."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading

import sqlalchemy as sa

from lib.core import database_errors as errors
from lib.core.errors import StoreError
from lib.storage.database import sqlite
from lib.storage.database.backends import load_backend

log = logging.getLogger(__name__)

_Fault = type[errors.DatabaseFault]
# A damaged database may work in places: it stays damaged until it is replaced, and the process with it.
_FAULTS_OF_ALL = (errors.DatabaseUnreachable, errors.DatabaseAccessDenied, errors.DatabaseTooNew)
_FAULTS_OF_WRITES = (errors.DatabaseFull, errors.DatabaseReadOnly, errors.DatabaseNotPermitted)
_SYSTEM_FAULTS: dict[int, _Fault] = {
    errno.ENOENT: errors.DatabaseUnreachable,
    errno.EACCES: errors.DatabaseNotPermitted,
    errno.EPERM: errors.DatabaseNotPermitted,
    errno.ENOTDIR: errors.DatabaseNotPermitted,
    errno.EISDIR: errors.DatabaseNotPermitted,
    errno.EEXIST: errors.DatabaseNotPermitted,
    errno.EROFS: errors.DatabaseReadOnly,
    errno.ENOSPC: errors.DatabaseFull,
    errno.EDQUOT: errors.DatabaseFull,
    errno.EFBIG: errors.DatabaseFull,
}


def to_store_error(error: sa.exc.SQLAlchemyError | OSError) -> StoreError:
    """Return the error of a driver or of the disk as a DatabaseFault, or as a StoreError if it is none."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    fault = _find_fault(cause) or StoreError
    return fault(str(cause))


def _find_fault(error: BaseException | None) -> _Fault | None:
    if isinstance(error, OSError):
        return _SYSTEM_FAULTS.get(error.errno or 0)
    if isinstance(error, sa.exc.DisconnectionError):
        return errors.DatabaseUnreachable  # the file was removed
    if isinstance(error, sqlite3.Error):
        return sqlite.find_fault(error)
    if hasattr(error, "sqlstate"):  # an error of Postgres' driver, which is loaded then
        fault: _Fault | None = load_backend("postgresql").find_fault(error)
        return fault
    return None


class FaultLog:
    """The state of one database in the log: a fault is logged once, until it is another one or over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fault: _Fault | None = None

    def note_fault(self, error: StoreError) -> None:
        """Note the error that has ended a transaction."""
        if not isinstance(error, errors.DatabaseFault):
            return
        with self._lock:
            is_new, self._fault = type(error) is not self._fault, type(error)
        if is_new:
            log.warning("the database cannot be used: %s: %s", error.code, error)

    def note_success(self, *, is_write: bool) -> None:
        """Note the end of a transaction: where only writes fail, that of a read says nothing."""
        if self._fault is None:
            return  # the usual case, without the lock
        with self._lock:
            is_over = self._fault in _FAULTS_OF_ALL or (is_write and self._fault in _FAULTS_OF_WRITES)
            if is_over:
                self._fault = None
        if is_over:
            log.info("the database can be used again")
