"""Authentication middleware: no page, file or websocket without a sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.config.auth import Refusal
from lib.core.errors import SettingError, StoreError
from lib.core.user import User
from lib.ui.auth.identify import identify
from lib.ui.auth.password import (
    COOKIE_MAX_AGE,
    COOKIE_NAME,
    check_password,
    create_cookie,
    revoke_cookie,
    sign_in_id,
)
from lib.ui.auth.sign_in_html import access_denied_page, base_path, path_below_base, sign_in_page
from lib.ui.auth.sign_in_page import SIGN_IN
from lib.ui.server import health, speech, streamlit_private
from lib.ui.server.sessions import MAX_UPLOAD_BYTES, SessionOwners
from lib.ui.server.websocket_guard import POLICY_VIOLATION, WebsocketGuard
from lib.ui.session import resources

# Health checks and metrics: requested without a sign-in; the responses hold no user data.
PUBLIC_PATHS = frozenset({streamlit_private.HEALTH_PATH, streamlit_private.METRICS_PATH, *health.PATHS})
_MAX_FORM_BYTES = 8_192
# A script run drops its media files before it adds them again.
_MEDIA_ATTEMPTS, _MEDIA_PAUSE = 20, 0.1
# Routes that hold data of sessions.
_DATA_PREFIXES = (*streamlit_private.DATA_PREFIXES, speech.PREFIX)
_SIGN_IN_FIRST = "Sign in first."
# The page of share links, with the files that it loads: open to readers who are not signed in, if links may be public.
_READER_PAGE = "/shared"
_READER_PREFIXES = ("/static/", streamlit_private.MEDIA_PREFIX)


class AuthMiddleware:
    """ASGI middleware that passes on requests of identified users, by the configured access mode."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._sessions = SessionOwners()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        mode, path = _access_mode(), path_below_base(scope)
        if path == streamlit_private.METRICS_PATH and not health.can_read_metrics(HTTPConnection(scope)):
            await _send_refusal(PlainTextResponse("access denied", 403), scope, receive, send)
        elif path in PUBLIC_PATHS:
            await self._app(scope, receive, send)
        elif mode == "password" and not resources.host().is_community_cloud:
            await self._handle_password(scope, receive, send)
        elif mode == "proxy":
            await self._handle_proxy(scope, receive, send)
        elif mode == "oidc":
            await self._handle_oidc(scope, receive, send)
        else:
            # The page itself checks the access.
            await self._serve(User(""), scope, receive, send)

    async def _handle_password(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, connection = path_below_base(scope), HTTPConnection(scope)
        is_post = scope.get("method") == "POST"
        user = await _identify(connection)
        if path in ("/signin", "/signout") and is_post and not is_same_origin(connection.headers):
            response: Response = PlainTextResponse("The request comes from another site.", 403)
        elif path == "/signout" and is_post:
            response = await _sign_out(connection)
        elif isinstance(user, User):
            if path not in ("/signin", "/signout"):
                await self._serve(user, scope, receive, send)
                return
            # Another tab of the browser may have signed in meanwhile: its cookie stays.
            form = await _read_form(Request(scope, receive)) if is_post else {}
            response = _redirect(form.get("wanted", ""))
        elif path == "/signin" and is_post:
            response = await _sign_in(Request(scope, receive))
        elif is_for_reader(user, scope):
            await self._serve_reader(scope, receive, send)
            return
        elif is_page_request(scope):
            response = sign_in_page(connection, _return_path(scope))
        else:
            response = PlainTextResponse(_SIGN_IN_FIRST, 401)
        await _send_refusal(response, scope, receive, send)

    async def _handle_proxy(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        user = await _identify(connection)
        if isinstance(user, User):
            await self._serve(user, scope, receive, send)
        elif is_for_reader(user, scope):
            await self._serve_reader(scope, receive, send)
        else:
            await _send_refusal(access_denied_page(connection, user), scope, receive, send)

    async def _handle_oidc(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the shell of Streamlit's page to all, since it holds the sign-in button; data to users."""
        path, connection = path_below_base(scope), HTTPConnection(scope)
        is_shell = path in streamlit_private.PAGE_SHELL_PATHS or not path.startswith(_DATA_PREFIXES)
        if scope["type"] == "http" and is_shell and path != streamlit_private.SIGN_OUT_PATH:
            await self._app(scope, receive, send)
            return
        user = await _identify_or_refuse(connection)
        if path == streamlit_private.SIGN_OUT_PATH and scope["type"] == "http":
            # A GET request, which any link can make: it counts after the page has revoked the sign-in.
            if isinstance(user, User):
                await _send_refusal(RedirectResponse(base_path(), 303), scope, receive, send)
            else:
                await self._app(scope, receive, send)
        elif isinstance(user, User):
            await self._serve(user, scope, receive, send)
        elif is_for_reader(user, scope):
            await self._serve_reader(scope, receive, send)
        elif scope["type"] == "http":
            await _send_refusal(PlainTextResponse(_SIGN_IN_FIRST, 401), scope, receive, send)
        else:
            await self._serve_sign_in(scope, receive, send)

    async def _serve_reader(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the page of public links, whose run decides what the reader sees, in a session of the reader.

        It needs one type of message, which requests a run.
        """
        connection = HTTPConnection(scope)
        client = f"reader {streamlit_private.browser_token(connection.cookies)}"

        async def is_permitted() -> bool:
            return _allows_public_links()

        if scope["type"] == "websocket":
            guard = WebsocketGuard(self._sessions, client, {streamlit_private.RERUN}, is_permitted)
            await guard.run(self._app, scope, receive, send)
        else:
            await self._serve_file(client, scope, receive, send)

    async def _serve(self, user: User, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a user: sessions and their files only to the client that they belong to."""
        connection, path = HTTPConnection(scope), path_below_base(scope)
        client = _client_of(user, connection)
        if scope["type"] == "websocket":

            async def is_permitted() -> bool:
                return _access_mode() in ("local", "viewers") or isinstance(await _identify_or_refuse(connection), User)

            guard = WebsocketGuard(self._sessions, client, streamlit_private.MESSAGE_TYPES, is_permitted)
            await guard.run(self._app, scope, receive, send)
        elif path.startswith(streamlit_private.UPLOAD_PREFIX) and not self._can_upload(client, path, connection):
            await _send_refusal(PlainTextResponse("Unknown file", 403), scope, receive, send)
        else:
            await self._serve_file(client, scope, receive, send)

    async def _serve_file(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a page or a file, and media and speech only to a client with a session that has them."""
        path = path_below_base(scope)
        is_other_media = path.startswith(streamlit_private.MEDIA_PREFIX) and not await self._has_media(client, path)
        is_speech = path.startswith(speech.PREFIX)
        if is_other_media or (is_speech and not self._sessions.is_owner(speech.session_of(path), client)):
            await _send_refusal(PlainTextResponse("File not found", 404), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the page with the sign-in button, in a new session: callbacks may wait in the old one.

        The page needs one type of message, which requests a run and carries the click.
        """

        async def is_permitted() -> bool:
            return True

        new_scope = streamlit_private.without_session_id(scope)
        guard = WebsocketGuard(self._sessions, "", {streamlit_private.RERUN}, is_permitted)
        if new_scope != scope:
            guard.inject_rerun()
        await guard.run(self._app, new_scope, receive, send)

    async def _has_media(self, client: str, path: str) -> bool:
        """Tell if a session of the client uses a media file; file ids are hashes, which others can know."""
        file_id = streamlit_private.media_id_in(path)
        # Only an open page can be running a script.
        for attempt in range(_MEDIA_ATTEMPTS if self._sessions.is_connected(client) else 1):
            if attempt:
                await asyncio.sleep(_MEDIA_PAUSE)
            sessions = streamlit_private.sessions_with_media(file_id)
            if self._sessions.has_download(file_id, client) or any(
                self._sessions.is_owner(session_id, client) for session_id in sessions
            ):
                return True
        return False

    def _can_upload(self, client: str, path: str, connection: HTTPConnection) -> bool:
        """Tell if a client may upload to a path. The size must be known before: servers hold a body to it."""
        method, length = connection.scope["method"], connection.headers.get("content-length", "")
        session_id, _, file_id = path.removeprefix(streamlit_private.UPLOAD_PREFIX).partition("/")
        if method == "OPTIONS":
            return True
        self._sessions.release_uploads(resources.released_uploads())
        size = 0 if method == "DELETE" else int(length) if length.isdecimal() else MAX_UPLOAD_BYTES + 1
        return self._sessions.can_upload(session_id, file_id, client, size)


def _client_of(user: User, connection: HTTPConnection) -> str:
    """Return the owner of a session: the user, or the browser in the access modes without accounts."""
    cookie = connection.cookies.get(COOKIE_NAME, "")
    return user.id or (cookie and sign_in_id(cookie)) or streamlit_private.browser_token(connection.cookies)


def _access_mode() -> str:
    """Return the configured mode; "local" for invalid settings, with which every page only says so."""
    try:
        return resources.settings().access.mode
    except SettingError:
        return "local"


def _allows_public_links() -> bool:
    try:
        return resources.settings().access.allows_public_links
    except SettingError:
        return False


async def _identify(connection: HTTPConnection) -> User | Refusal:
    return await run_in_threadpool(identify, connection.headers, connection.cookies)


async def _identify_or_refuse(connection: HTTPConnection) -> User | Refusal:
    """Identify the user of a request; nobody has access while the database is away."""
    try:
        return await _identify(connection)
    except StoreError:
        return "signed_out"


def is_same_origin(headers: Headers) -> bool:
    """Tell if a form was sent by a page of this server, and not of another site.

    A browser sends at least one of the two headers with a form, and no page can change them. `Origin` is "null"
    for a form of a page whose referrer policy hides it. https://www.w3.org/TR/fetch-metadata/
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or urlsplit(origin).netloc == headers.get("host") or (origin == "null" and site is not None)


def is_page_request(scope: Scope) -> bool:
    """Tell if a request opens a page, and not a file that a page loads."""
    private_prefixes = (*_DATA_PREFIXES, "/static/")
    return (
        scope.get("method") in ("GET", "HEAD")
        and not path_below_base(scope).startswith(private_prefixes)
        and "text/html" in HTTPConnection(scope).headers.get("accept", "")
    )


def is_for_reader(refusal: Refusal, scope: Scope) -> bool:
    """Tell if a client that is not signed in may request this, to read a public link.

    With SIGN_IN in the query, the page is for a sign-in.
    """
    if not resources.settings().access.is_reader(refusal):
        return False
    path, query = path_below_base(scope), scope.get("query_string", b"").decode("latin-1")
    if path in streamlit_private.PAGE_SHELL_PATHS:
        return True
    if scope.get("method") not in ("GET", "HEAD"):
        return False
    is_page = path == _READER_PAGE and SIGN_IN not in dict(parse_qsl(query, keep_blank_values=True))
    return is_page or path.startswith(_READER_PREFIXES)


def _return_path(scope: Scope) -> str:
    """Return the requested page with its query, to return to after the sign-in."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = path_below_base(scope).lstrip("/")
    return f"{path}?{query}" if query else path


async def _sign_in(request: Request) -> Response:
    """Respond to a submitted password form."""
    form = await _read_form(request)
    return_path = form.get("wanted", "")
    address = request.client.host if request.client else ""
    password = resources.settings().access.password
    check = await run_in_threadpool(check_password, password, form.get("password", ""), address)
    if not check.is_correct:
        return sign_in_page(request, return_path, check)
    response = _redirect(return_path)
    is_https = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(
        COOKIE_NAME,
        create_cookie(password),
        COOKIE_MAX_AGE,
        path=base_path(),
        httponly=True,
        samesite="lax",
        secure=is_https,
    )
    return response


def _redirect(return_path: str) -> RedirectResponse:
    """Return a redirect to a page of this server; after the stripped slashes, what remains is such a path."""
    return RedirectResponse(base_path() + return_path.lstrip("/\\"), 303)


async def _sign_out(connection: HTTPConnection) -> Response:
    """Revoke the sign-in on the server, where copies of its cookie count too, and delete the cookie."""
    password, cookie = resources.settings().access.password, connection.cookies.get(COOKIE_NAME, "")
    await run_in_threadpool(revoke_cookie, password, cookie)
    response = RedirectResponse(base_path(), 303)
    response.delete_cookie(COOKIE_NAME, base_path())
    return response


async def _read_form(request: Request) -> Mapping[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


async def _send_refusal(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    response.headers.setdefault("Cache-Control", "no-store")
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
