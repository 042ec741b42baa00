"""The library of model facts, refreshed from models.dev in the background."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lib.config.settings import Timeouts
from lib.core.errors import AnswerError, InvalidResponse
from lib.gateway.catalog.library import Library, package_library, parse_library
from lib.gateway.transport.request import Transport

log = logging.getLogger(__name__)

# Seconds after which a copy is fetched again, and after which a failed fetch is repeated.
REFRESH_SECONDS, RETRY_SECONDS = 24 * 3600.0, 3600.0
MAX_BYTES = 32 * 1024 * 1024  # api.json had 5 MB in autumn 2026
BODY_TIMEOUT = 60.0
_TIMEOUTS = Timeouts(connect=10.0, first_byte=20.0, idle=20.0)
_FILE_NAME = "models.dev.json"
_MAX_INTEGER_DIGITS = 18
_MAX_HEADER_LENGTH = 500


@dataclass(frozen=True)
class _Copy:
    """A copy of api.json, with the headers by which the server recognises it; `fetched_at` is the last check."""

    url: str
    fetched_at: float
    etag: str = ""
    last_modified: str = ""
    body: str = ""

    def is_valid(self) -> bool:
        """Return True if all fields have their type, which a file does not guarantee."""
        return isinstance(self.fetched_at, float) and isinstance(self.etag, str) and isinstance(self.last_modified, str)

    def request_headers(self) -> dict[str, str]:
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


class LibraryUpdates:
    """The newest library: that of the installed package, and over it the last good copy from `url`.

    No call waits for the network or for a file: a thread reads the copy stored in `folder` and fetches a new
    one about daily. An unwritable folder, or none, keeps the copy in memory only. Methods may be called from
    any thread. A `url` of "" fetches nothing.
    """

    def __init__(self, url: str, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._file = folder / _FILE_NAME if folder else None
        self._clock = clock
        self._lock = threading.Lock()
        self._library: Library | None = None
        self._copy: _Copy | None = None
        self._refresh_at = 0.0
        self._is_refreshing = False
        self._has_logged_failure = False

    def current(self) -> Library:
        """Return the newest library, and start a refresh if one is due."""
        with self._lock:
            is_due = bool(self._url) and not self._is_refreshing and self._clock() >= self._refresh_at
            self._is_refreshing |= is_due
        if is_due:
            threading.Thread(target=self._refresh, name="models.dev", daemon=True).start()
        return self._library or package_library()

    def _refresh(self) -> None:
        delay = RETRY_SECONDS
        try:
            if self._copy is None:
                self._load_stored_copy()
            age = self._clock() - self._copy.fetched_at if self._copy else REFRESH_SECONDS
            # A copy from the future is that of a wrong clock.
            if not 0 <= age < REFRESH_SECONDS:
                age = 0.0
                self._fetch()
            delay = REFRESH_SECONDS - age
        except Exception as error:  # noqa: BLE001  a thread of its own, and the content is a stranger's
            # Whatever the address sends, the last good copy and the package stay in use.
            self._log_failure(error)
        finally:
            with self._lock:
                self._refresh_at, self._is_refreshing = self._clock() + delay, False

    def _fetch(self) -> None:
        transport = Transport(self._url, _TIMEOUTS)
        try:
            conditions = self._copy.request_headers() if self._copy else {}
            response = transport.get("", {"Accept-Encoding": "gzip", **conditions})
            try:
                if response.status == 304 and self._copy:
                    copy = replace(self._copy, fetched_at=self._clock())
                elif response.status == 200:
                    body = response.read_text(MAX_BYTES, BODY_TIMEOUT)
                    etag, last_modified = (_header(response.headers, name) for name in ("ETag", "Last-Modified"))
                    copy = _Copy(self._url, self._clock(), etag, last_modified, body)
                    self._publish(copy.body)
                else:
                    raise InvalidResponse(f"status {response.status}")
            finally:
                response.close()
        finally:
            transport.close()
        self._store(copy)
        self._copy, self._has_logged_failure = copy, False

    def _publish(self, body: str) -> None:
        """Use a copy from now on. Raises InvalidResponse if it holds no model of a known vendor."""
        library = parse_library(_parse_json(body))
        if not any(model.vendor for model in library.models.values()):
            raise InvalidResponse("no models")
        library = package_library().with_newer(library)
        library.build_indexes()
        self._library = library

    def _load_stored_copy(self) -> None:
        if self._file is None:
            return
        # A missing or broken file is replaced by the next fetch.
        with contextlib.suppress(OSError, ValueError, TypeError, AnswerError):
            if self._file.stat().st_size <= 2 * MAX_BYTES:
                head, _, body = self._file.read_text("utf-8").partition("\n")
                copy = _Copy(**json.loads(head), body=body)
                if copy.url == self._url and copy.is_valid():
                    self._publish(body)
                    self._copy = copy

    def _store(self, copy: _Copy) -> None:
        self._copy = copy
        if self._file is None:
            return
        head = {name: value for name, value in asdict(copy).items() if name != "body"}
        # A read-only disk is no fault: the copy in memory serves this process.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=f"{_FILE_NAME}.", dir=self._file.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                    file.write(f"{json.dumps(head)}\n{copy.body}")
                Path(temporary).replace(self._file)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def _log_failure(self, error: Exception) -> None:
        """Log the first of several failures in a row: a server without a way out is no fault either."""
        code = error.code if isinstance(error, AnswerError) else type(error).__name__
        if not self._has_logged_failure:
            log.info("model facts of models.dev not fetched, the last copy or the installed package is used: %s", code)
        self._has_logged_failure = True


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return value if len(value) <= _MAX_HEADER_LENGTH and value.isprintable() and value.isascii() else ""


def _parse_json(body: str) -> dict[str, Any]:
    """Return a JSON object, with numbers that no model has as None. Raises InvalidResponse."""
    try:
        payload = json.loads(
            body,
            parse_int=lambda text: int(text) if len(text) <= _MAX_INTEGER_DIGITS else None,
            parse_float=str,  # every digit of a price counts
            parse_constant=lambda _: None,
        )
    except (ValueError, RecursionError):
        raise InvalidResponse(body[:200]) from None
    if not isinstance(payload, dict):
        raise InvalidResponse(body[:200])
    return payload
