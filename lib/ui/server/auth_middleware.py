"""What stands before every route: without a sign-in no page, no file and no websocket."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.config import auth
from lib.config.auth import AccessSettings
from lib.core.errors import SettingError, StoreError
from lib.core.user import User
from lib.ui.auth import oidc, sign_in_html
from lib.ui.auth import password as session
from lib.ui.server import streamlit_private
from lib.ui.session import hosting, resources

# What a balancer and a monitor ask, and what answers them without a word about anybody.
PUBLIC_PATHS = frozenset({streamlit_private.HEALTH_PATH, "/health", "/ready", "/metrics"})
_POLICY_VIOLATION = 1008
_MAX_FORM_BYTES = 8_192


class AuthMiddleware:
    """ASGI middleware that hands on what comes from somebody who is signed in, as the access is set."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or path_below_base(scope) in PUBLIC_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            access = resources.settings().access
        except SettingError:
            # No page goes beyond saying which setting it is.
            access = AccessSettings()
        if access.mode == "password" and not hosting.is_community_cloud():
            await self._handle_password(access, scope, receive, send)
        elif access.mode == "proxy":
            await self._handle_proxy(access, scope, receive, send)
        elif access.mode == "oidc":
            await self._handle_oidc(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle_password(
        self, access: AccessSettings, scope: Scope, receive: Receive, send: Send
    ) -> None:
        path, connection = path_below_base(scope), HTTPConnection(scope)
        if path == "/signout":
            answer: Response = RedirectResponse(sign_in_html.base_path(), 303)
            answer.delete_cookie(session.COOKIE_NAME, sign_in_html.base_path())
        elif session.is_valid_cookie(access.password, connection.cookies.get(session.COOKIE_NAME, "")):
            if path != "/signin":
                await self._app(scope, receive, send)
                return
            answer = RedirectResponse(sign_in_html.base_path(), 303)
        elif path == "/signin" and scope.get("method") == "POST":
            answer = await _handle_sign_in(access.password, Request(scope, receive))
        elif _is_page_request(scope):
            answer = sign_in_html.sign_in_page(connection, _return_path(scope))
        else:
            answer = PlainTextResponse("Sign in first.", 401)
        await _send_refusal(answer, scope, receive, send)

    async def _handle_proxy(self, access: AccessSettings, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        known = auth.user_from_proxy(connection.headers.getlist, access)
        if isinstance(known, User):
            await self._app(scope, receive, send)
        else:
            await _send_refusal(sign_in_html.access_denied_page(connection, known), scope, receive, send)

    async def _handle_oidc(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit serves its page to anybody, who is then asked to sign in on it; files are not for all."""
        path = path_below_base(scope)
        claims = oidc.claims_from_cookies(HTTPConnection(scope).cookies)
        if scope["type"] == "http":
            if (
                path in streamlit_private.PAGE_SHELL_PATHS
                or not path.startswith(streamlit_private.DATA_PREFIXES)
                or (claims and await _is_admitted(claims))
            ):
                await self._app(scope, receive, send)
            else:
                await _send_refusal(PlainTextResponse("Sign in first.", 401), scope, receive, send)
        elif claims and await _is_admitted(claims):
            await self._app(scope, *_close_on_revocation(claims, receive, send))
        else:
            # Without its old session, in which callbacks may wait that a person's name was given to.
            fresh = streamlit_private.without_session_id(scope)
            await self._app(fresh, receive if fresh == scope else _inject_rerun(receive), send)


def path_below_base(scope: Scope) -> str:
    """The path below the address that the app is served at."""
    path = str(scope["path"])
    base = sign_in_html.base_path().rstrip("/")
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path


def _is_page_request(scope: Scope) -> bool:
    wanted = scope.get("method") in ("GET", "HEAD") and not path_below_base(scope).startswith(
        (*streamlit_private.DATA_PREFIXES, "/static/")
    )
    return bool(wanted) and "text/html" in HTTPConnection(scope).headers.get("accept", "")


def _return_path(scope: Scope) -> str:
    """The page that was asked for, to go on to after the sign-in."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = path_below_base(scope).lstrip("/")
    return f"{path}?{query}" if query else path


async def _handle_sign_in(password: str, request: Request) -> Response:
    """The answer to a password that somebody typed."""
    form = await _read_form(request)
    wanted = form.get("wanted", "")
    address = request.client.host if request.client else ""
    right, wait = session.check_password(password, form.get("password", ""), address)
    if not right:
        return sign_in_html.sign_in_page(request, wanted, is_wrong=not wait, retry_after=wait)
    # Never to another address: what stands after the first letters is a path of ours.
    answer = RedirectResponse(sign_in_html.base_path() + wanted.lstrip("/\\"), 303)
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(
        *(session.COOKIE_NAME, session.create_cookie(password), session.COOKIE_MAX_AGE),
        path=sign_in_html.base_path(),
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


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


async def _is_admitted(claims: oidc.Claims) -> bool:
    """Whether these claims let somebody in at this moment; nobody where the database cannot be asked."""
    try:
        return await run_in_threadpool(oidc.refusal_reason, claims) is None
    except StoreError:
        return False


def _close_on_revocation(claims: oidc.Claims, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """A websocket that ends with the sign-in: Streamlit runs callbacks before the page can ask who it is."""
    over = False

    async def watching() -> Message:
        nonlocal over
        message = await receive()
        if message["type"] == "websocket.receive" and not await _is_admitted(claims):
            over = True
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def sending(message: Message) -> None:
        if not over:
            await send(message)

    return watching, sending


def _inject_rerun(receive: Receive) -> Receive:
    """A websocket whose first word is a run: who comes back to no session would go on seeing the old page."""
    first = iter([{"type": "websocket.receive", "bytes": streamlit_private.rerun_message()}])
    connected = False

    async def running() -> Message:
        nonlocal connected
        if connected:
            for message in first:
                return message
        connected = True
        return await receive()

    return running
