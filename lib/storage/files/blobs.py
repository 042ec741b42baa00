"""Bytes of files in a folder or in an S3-compatible bucket, under names that nobody can guess."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lib.core.errors import FileStorageFull, FileStoreError

_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600  # the owner alone, as the database
# Seconds and attempts: a page waits for the answer. s3fs reads credentials and endpoint from the environment.
_S3_OPTIONS: dict[str, Any] = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 2}},
    "use_listings_cache": False,
}


class BlobStore:
    """A folder or a bucket; each method may raise FileStoreError. Any thread may call any method."""

    def __init__(self, url: str) -> None:
        """Take the URL of a folder, `file:///path`, or of a bucket, `s3://bucket/prefix`, without a look at it."""
        parts = urlsplit(url)
        self._is_folder = parts.scheme == "file"
        self._root = (unquote(parts.path) if self._is_folder else parts.netloc + parts.path).rstrip("/")
        # Imported here, since most servers keep files in the database.
        fsspec = importlib.import_module("fsspec")
        with _translate_errors():
            self._files: Any = (
                fsspec.filesystem("file", auto_mkdir=True)
                if self._is_folder
                else fsspec.filesystem(parts.scheme, **_S3_OPTIONS)
            )

    def write(self, key: str, data: bytes) -> None:
        """Write an object. Raises FileStorageFull where there is no space."""
        path = self._path(key)
        with _translate_errors():
            if self._is_folder:
                Path(self._root).mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._files.pipe_file(path, data)
            if self._is_folder:
                _sync(path)

    def read(self, key: str) -> bytes | None:
        """Return the bytes of an object; None where it is missing."""
        with _translate_errors():
            try:
                return bytes(self._files.cat_file(self._path(key)))
            except FileNotFoundError as error:
                self._ensure_root(error)
                return None

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        with _translate_errors():
            try:
                self._files.rm_file(self._path(key))
            except FileNotFoundError as error:
                self._ensure_root(error)

    def _ensure_root(self, error: FileNotFoundError) -> None:
        """Raise the error again if all of the folder or bucket is missing: a disk that is not mounted, or a typo."""
        response = getattr(error.__cause__, "response", None) or {}
        is_missing = response.get("Error", {}).get("Code") == "NoSuchBucket"
        if not Path(self._root).is_dir() if self._is_folder else is_missing:
            raise error

    def _path(self, key: str) -> str:
        # Folders of a few thousand files each.
        return f"{self._root}/{key[:2]}/{key}"


def new_key() -> str:
    """Return the name of a new object, which tells nothing about its content."""
    return secrets.token_hex(24)


def _sync(path: str) -> None:
    """Wait until the disk has a file: its row, which is committed next, must not outlive it."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(file, _FILE_MODE)
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise all errors as FileStoreError: each file system has classes of its own."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  botocore, aiohttp and others raise their own
        is_full = isinstance(error, OSError) and error.errno in _FULL_ERRORS
        raise (FileStorageFull if is_full else FileStoreError)(f"{type(error).__name__}: {error}") from error
