"""Streamlit's sessions: the client that may resume one, load its media and upload to it, and their release."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from lib.ui.server import streamlit_private

RELEASE_SECONDS = 5.0  # after the close; a page that is loaded again gets a session of its own
DOWNLOAD_SECONDS = 60.0  # that a file is kept for, after it was written
EXPIRY_INTERVAL = 10.0  # seconds between two looks for sessions that no page has resumed in time
# Close codes of RFC 6455 by which a browser says that the page is gone. A lost connection has another one.
_PAGE_IS_GONE = frozenset({1000, 1001})
MAX_DISCONNECTED = 2_000  # sessions that are remembered; Streamlit keeps fewer
MAX_FILES = 1_000  # upload addresses of one session, and its downloads
MAX_UPLOAD_BYTES = 500_000_000  # in all files that a session holds at once


@dataclass
class _Session:
    client: str
    connections: int = 0
    uploads: OrderedDict[str, int] = field(default_factory=OrderedDict)  # sizes by file id
    downloads: OrderedDict[str, int] = field(default_factory=OrderedDict)


class SessionOwners:
    """Sessions by id, each with the client that opened it. For use on the event loop.

    A client is a user, or a browser in the access modes without accounts. Sessions that nobody has opened here
    belong to nobody.
    """

    def __init__(self, max_disconnected: int = MAX_DISCONNECTED) -> None:
        self._max_disconnected = max_disconnected
        self._sessions: dict[str, _Session] = {}
        self._disconnected: OrderedDict[str, None] = OrderedDict()

    def connect(self, session_id: str, client: str) -> None:
        """Register a websocket of a session; the first one's client owns the session."""
        self._sessions.setdefault(session_id, _Session(client)).connections += 1
        self._disconnected.pop(session_id, None)

    def disconnect(self, session_id: str) -> None:
        """Register the end of a websocket. Of the disconnected sessions, the oldest are forgotten."""
        session = self._sessions[session_id]
        session.connections -= 1
        if not session.connections:
            self._disconnected[session_id] = None
            if len(self._disconnected) > self._max_disconnected:
                oldest, _ = self._disconnected.popitem(last=False)
                del self._sessions[oldest]

    def has_page(self, session_id: str) -> bool:
        """Return True if a websocket of the session is open."""
        session = self._sessions.get(session_id)
        return session is not None and session.connections > 0

    def is_known(self, session_id: str) -> bool:
        return session_id in self._sessions

    def is_owner(self, session_id: str, client: str) -> bool:
        session = self._sessions.get(session_id)
        return session is not None and session.client == client

    def is_connected(self, client: str) -> bool:
        """Return True if a websocket of the client is open."""
        return any(session.connections and session.client == client for session in self._sessions.values())

    def add_uploads(self, session_id: str, file_ids: list[str]) -> None:
        """Register file ids under which the session's client may upload."""
        _add_ids(self._sessions[session_id].uploads, file_ids)

    def add_download(self, session_id: str, file_id: str) -> None:
        """Register a file that was written for the session."""
        _add_ids(self._sessions[session_id].downloads, [file_id])

    def has_download(self, file_id: str, client: str) -> bool:
        """Return True if a file was written for a session of the client."""
        return any(file_id in session.downloads for session in self._sessions.values() if session.client == client)

    def release_uploads(self, file_ids: set[str]) -> None:
        """Count files no more that were read and removed, and empty the set of their ids."""
        while file_ids:
            file_id = file_ids.pop()
            for session in self._sessions.values():
                if file_id in session.uploads:
                    session.uploads[file_id] = 0

    def can_upload(self, session_id: str, file_id: str, client: str, size: int) -> bool:
        """Count a file of `size` bytes, and return True; 0 for one that is deleted.

        False for another client than the owner's, a file id that the session was not given, and beyond the total.
        """
        if not self.is_owner(session_id, client) or file_id not in self._sessions[session_id].uploads:
            return False
        uploads = self._sessions[session_id].uploads
        if sum(uploads.values()) - uploads[file_id] + size > MAX_UPLOAD_BYTES:
            return False
        uploads[file_id] = size
        return True


def _add_ids(ids: OrderedDict[str, int], new_ids: list[str]) -> None:
    for file_id in new_ids:
        ids.setdefault(file_id, 0)
    while len(ids) > MAX_FILES:
        ids.popitem(last=False)


def keep_download(file_id: str) -> None:
    """Keep a written file until the browser has had the time to ask for it. On the event loop."""
    key = streamlit_private.keep_download(file_id)
    asyncio.get_running_loop().call_later(DOWNLOAD_SECONDS, streamlit_private.release_download, key)


def schedule_release(sessions: SessionOwners, session_id: str, close_code: int | None) -> None:
    """Release a session, its uploads and its media soon, if its page was closed. On the event loop."""
    if close_code not in _PAGE_IS_GONE:
        return

    def release() -> None:
        if not sessions.has_page(session_id):
            streamlit_private.close_session(session_id)

    asyncio.get_running_loop().call_later(RELEASE_SECONDS, release)


async def release_expired() -> None:
    """Release sessions whose page lost its connection once it can no longer resume them, until cancelled."""
    while True:
        await asyncio.sleep(EXPIRY_INTERVAL)
        streamlit_private.expire_sessions()
