"""Authentication middleware: no page, file or websocket without a sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.config.auth import Refusal
from lib.core.errors import SettingError, StoreError
from lib.core.user import User
from lib.ui.auth.identify import identify
from lib.ui.auth.password import COOKIE_MAX_AGE, COOKIE_NAME, check_password, create_cookie
from lib.ui.auth.sign_in_html import access_denied_page, base_path, path_below_base, sign_in_page
from lib.ui.server import streamlit_private
from lib.ui.session import resources

# Health checks and metrics: requested without a sign-in; the responses hold no user data.
PUBLIC_PATHS = frozenset({streamlit_private.HEALTH_PATH, "/health", "/ready", "/metrics"})
_POLICY_VIOLATION = 1008
_MAX_FORM_BYTES = 8_192


class AuthMiddleware:
    """ASGI middleware that passes on requests of identified users, by the configured access mode."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mode = _access_mode()
        if scope["type"] not in ("http", "websocket") or path_below_base(scope) in PUBLIC_PATHS:
            await self._app(scope, receive, send)
        elif mode == "password" and not resources.host().is_community_cloud:
            await self._handle_password(scope, receive, send)
        elif mode == "proxy":
            await self._handle_proxy(scope, receive, send)
        elif mode == "oidc":
            await self._handle_oidc(scope, receive, send)
        else:
            # The page itself checks the access.
            await self._app(scope, receive, send)

    async def _handle_password(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, connection = path_below_base(scope), HTTPConnection(scope)
        if path == "/signout":
            response: Response = RedirectResponse(base_path(), 303)
            response.delete_cookie(COOKIE_NAME, base_path())
        elif isinstance(await _identify(connection), User):
            if path != "/signin":
                await self._app(scope, receive, send)
                return
            response = RedirectResponse(base_path(), 303)
        elif path == "/signin" and scope.get("method") == "POST":
            response = await _sign_in(Request(scope, receive))
        elif is_page_request(scope):
            response = sign_in_page(connection, _return_path(scope))
        else:
            response = PlainTextResponse("Sign in first.", 401)
        await _send_refusal(response, scope, receive, send)

    async def _handle_proxy(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        user = await _identify(connection)
        if isinstance(user, User):
            await self._app(scope, receive, send)
        else:
            await _send_refusal(access_denied_page(connection, user), scope, receive, send)

    async def _handle_oidc(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the shell of Streamlit's page to all, since it holds the sign-in button; data to users."""
        path, connection = path_below_base(scope), HTTPConnection(scope)
        if scope["type"] == "http":
            is_shell = path in streamlit_private.PAGE_SHELL_PATHS
            if is_shell or not path.startswith(streamlit_private.DATA_PREFIXES) or await _is_user(connection):
                await self._app(scope, receive, send)
            else:
                await _send_refusal(PlainTextResponse("Sign in first.", 401), scope, receive, send)
        elif await _is_user(connection):
            await self._app(scope, *_close_on_revocation(connection, receive, send))
        else:
            # A new session: callbacks with a user's data may wait in the old one.
            new_scope = streamlit_private.without_session_id(scope)
            await self._app(new_scope, receive if new_scope == scope else _inject_rerun(receive), send)


def _access_mode() -> str:
    """Return the configured mode; "local" for invalid settings, with which every page only says so."""
    try:
        return resources.settings().access.mode
    except SettingError:
        return "local"


async def _identify(connection: HTTPConnection) -> User | Refusal:
    return await run_in_threadpool(identify, connection.headers, connection.cookies)


async def _is_user(connection: HTTPConnection) -> bool:
    """Tell if a request comes from a user with access; nobody has access while the database is away."""
    try:
        return isinstance(await _identify(connection), User)
    except StoreError:
        return False


def is_page_request(scope: Scope) -> bool:
    """Tell if a request opens a page, and not a file that a page loads."""
    private_prefixes = (*streamlit_private.DATA_PREFIXES, "/static/")
    return (
        scope.get("method") in ("GET", "HEAD")
        and not path_below_base(scope).startswith(private_prefixes)
        and "text/html" in HTTPConnection(scope).headers.get("accept", "")
    )


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
    check = check_password(password, form.get("password", ""), address)
    if not check.is_correct:
        return sign_in_page(request, return_path, check)
    # No open redirect: after the stripped slashes, what remains is a path of this server.
    response = RedirectResponse(base_path() + return_path.lstrip("/\\"), 303)
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
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})


def _close_on_revocation(connection: HTTPConnection, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Close the websocket when the sign-in is revoked: callbacks run before the page identifies the user."""
    is_closed = False

    async def receive_checked() -> Message:
        nonlocal is_closed
        message = await receive()
        if message["type"] == "websocket.receive" and not await _is_user(connection):
            is_closed = True
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def send_until_closed(message: Message) -> None:
        if not is_closed:
            await send(message)

    return receive_checked, send_until_closed


def _inject_rerun(receive: Receive) -> Receive:
    """Inject a rerun request as first message, so that a client with a dropped session loses its old page."""
    pending = iter([{"type": "websocket.receive", "bytes": streamlit_private.rerun_message()}])
    is_connected = False

    async def receive_with_rerun() -> Message:
        nonlocal is_connected
        if is_connected:
            for message in pending:
                return message
        is_connected = True
        return await receive()

    return receive_with_rerun
