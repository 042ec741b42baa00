"""Faults of a database: what an error of its driver means for those who run the server, logged once."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading

import psycopg
import sqlalchemy as sa

from lib.core import database_errors as errors
from lib.core.errors import StoreError

log = logging.getLogger(__name__)

_Fault = type[errors.DatabaseFault]
# A damaged database may work in places: it stays damaged until it is replaced, and the process with it.
_FAULTS_OF_ALL = (errors.DatabaseUnreachable, errors.DatabaseAccessDenied, errors.DatabaseTooNew)
_FAULTS_OF_WRITES = (errors.DatabaseFull, errors.DatabaseReadOnly, errors.DatabaseNotPermitted)
_SQLITE_FAULTS: dict[int, _Fault] = {
    sqlite3.SQLITE_FULL: errors.DatabaseFull,
    sqlite3.SQLITE_CORRUPT: errors.DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: errors.DatabaseCorrupt,
    sqlite3.SQLITE_READONLY: errors.DatabaseReadOnly,
    sqlite3.SQLITE_PERM: errors.DatabaseNotPermitted,
    sqlite3.SQLITE_CANTOPEN: errors.DatabaseNotPermitted,
    # A limit of the file size or a quota ends a write with it.
    sqlite3.SQLITE_IOERR_WRITE: errors.DatabaseFull,
}
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
# By the code of an error in Postgres' documentation, or its class, the first two characters.
_POSTGRES_FAULTS: dict[str, _Fault] = {
    "28": errors.DatabaseAccessDenied,
    "3D": errors.DatabaseAccessDenied,
    "42501": errors.DatabaseNotPermitted,
    "25006": errors.DatabaseReadOnly,
    "53100": errors.DatabaseFull,
    "XX001": errors.DatabaseCorrupt,
    "XX002": errors.DatabaseCorrupt,
    "58P01": errors.DatabaseCorrupt,
    "08": errors.DatabaseUnreachable,
    "57P": errors.DatabaseUnreachable,
    "53300": errors.DatabaseUnreachable,
}
# Of errors without a code of their own: the system's, and those while the driver connects.
_FULL_WORDS = ("could not extend file", "No space left", "File too large")
_DENIED_WORDS = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")


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
        code: int = getattr(error, "sqlite_errorcode", 0)
        return _SQLITE_FAULTS.get(code) or _SQLITE_FAULTS.get(code & 0xFF)
    if isinstance(error, psycopg.Error):
        return _find_postgres_fault(error)
    return None


def _find_postgres_fault(error: psycopg.Error) -> _Fault | None:
    if any(words in str(error) for words in _FULL_WORDS):
        return errors.DatabaseFull
    if state := error.sqlstate:
        lengths = (5, 3, 2)
        return next((_POSTGRES_FAULTS[state[:n]] for n in lengths if state[:n] in _POSTGRES_FAULTS), None)
    if not isinstance(error, psycopg.OperationalError):
        return None
    is_denied = any(words in str(error) for words in _DENIED_WORDS)
    return errors.DatabaseAccessDenied if is_denied else errors.DatabaseUnreachable


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
