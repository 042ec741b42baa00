"""Guard of a page's websocket: whose session it resumes, and the messages that it may send."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.ui.server import streamlit_private
from lib.ui.server.sessions import SessionOwners, keep_download, schedule_release

log = logging.getLogger(__name__)

POLICY_VIOLATION = 1008  # close code of RFC 6455


class WebsocketGuard:
    """Guard of one websocket of a client.

    `message_types` are those it may send. `is_permitted` is asked at every message: callbacks run before the
    page identifies the user.
    """

    def __init__(
        self,
        sessions: SessionOwners,
        client: str,
        message_types: Collection[str],
        is_permitted: Callable[[], Awaitable[bool]],
    ) -> None:
        self._sessions = sessions
        self._client = client
        self._message_types = message_types
        self._is_permitted = is_permitted
        self._session_id = ""
        self._close_code: int | None = None
        self._is_closed = self._is_connected = self._has_warned = False
        self._pending_uploads = self._pending_downloads = 0
        self._injected: list[Message] = []

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the websocket. A session of another client is not resumed: its callbacks would run."""
        resumed = streamlit_private.resumed_session_id(scope)
        if resumed and not self._sessions.is_owner(resumed, self._client):
            scope = streamlit_private.without_session_id(scope)
            if self._sessions.is_known(resumed):
                self.inject_rerun()
        try:
            await app(scope, lambda: self._receive(receive, send), lambda message: self._send(message, send))
        finally:
            if self._session_id:
                self._sessions.disconnect(self._session_id)
                schedule_release(self._sessions, self._session_id, self._close_code)

    def inject_rerun(self) -> None:
        """Request a run in the client's place, so that it loses a page that is not its own any more."""
        self._injected = [{"type": "websocket.receive", "bytes": streamlit_private.rerun_message()}]

    async def _receive(self, receive: Receive, send: Send) -> Message:
        if self._is_connected and self._injected:
            return self._injected.pop()
        while True:
            message = await receive()
            self._is_connected = True
            if message["type"] != "websocket.receive":
                self._close_code = message.get("code")
                return message
            name = streamlit_private.message_type(message.get("bytes") or b"")
            if name not in self._message_types:
                if not self._has_warned:
                    log.warning("a message of a page was refused: %s", name or "unreadable")
                self._has_warned = True
            elif await self._is_permitted():
                self._pending_uploads += name == "file_urls_request"
                self._pending_downloads += name == "deferred_file"
                return message
            else:
                self._is_closed = True
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def _send(self, message: Message, send: Send) -> None:
        if self._is_closed:
            return
        data = message.get("bytes")
        if data and not self._session_id and (session_id := streamlit_private.session_id_in(data)):
            self._session_id = session_id
            self._sessions.connect(session_id, self._client)
        if data and self._session_id:
            self._register_files(data)
        await send(message)

    def _register_files(self, data: bytes) -> None:
        """Register the upload addresses and the downloads in a message; parsed only while one is expected."""
        if self._pending_uploads and (file_ids := streamlit_private.upload_ids_in(data)) is not None:
            self._pending_uploads -= 1
            self._sessions.add_uploads(self._session_id, file_ids)
        if self._pending_downloads and (file_id := streamlit_private.download_id_in(data)) is not None:
            self._pending_downloads -= 1
            if file_id:
                self._sessions.add_download(self._session_id, file_id)
                keep_download(file_id)
