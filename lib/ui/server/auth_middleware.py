"""What stands before every route: without a sign-in no page, no file and no websocket."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from lib.config import auth
from lib.config.auth import Access
from lib.core.errors import SettingError, StoreError
from lib.core.user import Person
from lib.ui.auth import oidc, sign_in_html
from lib.ui.auth import password as session
from lib.ui.session import hosting, resources

# What a balancer and a monitor ask, and what answers them without a word about anybody.
OPEN = frozenset({"/_stcore/health", "/health", "/ready", "/metrics"})
# What the sign-in page of Streamlit is made of; all else below these folders is somebody's.
_FRAME = frozenset({"/_stcore/stream", "/_stcore/host-config"})
_FILES = ("/_stcore/", "/media/", "/component/", "/app/")
_POLICY_VIOLATION = 1008
_FORM_BYTES = 8_192


class Gate:
    """ASGI middleware that hands on what comes from somebody who is signed in, as the access is set."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or path_of(scope) in OPEN:
            await self._app(scope, receive, send)
            return
        try:
            access = resources.settings().access
        except SettingError:
            # No page goes beyond saying which setting it is.
            access = Access()
        if access.mode == "password" and not hosting.community_cloud():
            await self._password(access, scope, receive, send)
        elif access.mode == "proxy":
            await self._proxy(access, scope, receive, send)
        elif access.mode == "oidc":
            await self._oidc(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _password(self, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
        path, connection = path_of(scope), HTTPConnection(scope)
        if path == "/signout":
            answer: Response = RedirectResponse(sign_in_html.home(), 303)
            answer.delete_cookie(session.COOKIE, sign_in_html.home())
        elif session.holds(access.password, connection.cookies.get(session.COOKIE, "")):
            if path != "/signin":
                await self._app(scope, receive, send)
                return
            answer = RedirectResponse(sign_in_html.home(), 303)
        elif path == "/signin" and scope.get("method") == "POST":
            answer = await _tried(access.password, Request(scope, receive))
        elif _is_page(scope):
            answer = sign_in_html.page(connection, _wanted(scope))
        else:
            answer = PlainTextResponse("Sign in first.", 401)
        await _refuse(answer, scope, receive, send)

    async def _proxy(self, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        known = auth.proxied(connection.headers.getlist, access)
        if isinstance(known, Person):
            await self._app(scope, receive, send)
        else:
            await _refuse(sign_in_html.refused(connection, known), scope, receive, send)

    async def _oidc(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit serves its page to anybody, who is then asked to sign in on it; files are not for all."""
        path = path_of(scope)
        claims = oidc.claims_in(HTTPConnection(scope).cookies)
        if scope["type"] == "http":
            if path in _FRAME or not path.startswith(_FILES) or (claims and await _admitted(claims)):
                await self._app(scope, receive, send)
            else:
                await _refuse(PlainTextResponse("Sign in first.", 401), scope, receive, send)
        elif claims and await _admitted(claims):
            await self._app(scope, *_watched(claims, receive, send))
        else:
            # Without its old session, in which callbacks may wait that a person's name was given to.
            fresh = _anew(scope)
            await self._app(fresh, receive if fresh == scope else _running(receive), send)


def path_of(scope: Scope) -> str:
    """The path below the address that the app is served at."""
    path = str(scope["path"])
    base = sign_in_html.home().rstrip("/")
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path


def _is_page(scope: Scope) -> bool:
    wanted = scope.get("method") in ("GET", "HEAD") and not path_of(scope).startswith((*_FILES, "/static/"))
    return bool(wanted) and "text/html" in HTTPConnection(scope).headers.get("accept", "")


def _wanted(scope: Scope) -> str:
    """The page that was asked for, to go on to after the sign-in."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = path_of(scope).lstrip("/")
    return f"{path}?{query}" if query else path


async def _tried(password: str, request: Request) -> Response:
    """The answer to a password that somebody typed."""
    form = await _form(request)
    wanted = form.get("wanted", "")
    address = request.client.host if request.client else ""
    right, wait = session.tried(password, form.get("password", ""), address)
    if not right:
        return sign_in_html.page(request, wanted, wrong=not wait, wait=wait)
    # Never to another address: what stands after the first letters is a path of ours.
    answer = RedirectResponse(sign_in_html.home() + wanted.lstrip("/\\"), 303)
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(
        *(session.COOKIE, session.made(password), session.AGE),
        path=sign_in_html.home(),
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


async def _form(request: Request) -> Mapping[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    answer.headers.setdefault("Cache-Control", "no-store")
    if scope["type"] == "http":
        await answer(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})


async def _admitted(claims: oidc.Claims) -> bool:
    """Whether these claims let somebody in at this moment; nobody where the database cannot be asked."""
    try:
        return await run_in_threadpool(oidc.refusal, claims) is None
    except StoreError:
        return False


def _watched(claims: oidc.Claims, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """A websocket that ends with the sign-in: Streamlit runs callbacks before the page can ask who it is."""
    over = False

    async def watching() -> Message:
        nonlocal over
        message = await receive()
        if message["type"] == "websocket.receive" and not await _admitted(claims):
            over = True
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def sending(message: Message) -> None:
        if not over:
            await send(message)

    return watching, sending


def _anew(scope: Scope) -> Scope:
    """The same handshake without the name of a session to go on with, which is its third protocol."""
    headers = [
        (name, b",".join(value.split(b",")[:2]) if name == b"sec-websocket-protocol" else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}


def _running(receive: Receive) -> Receive:
    """A websocket whose first word is a run: who comes back to no session would go on seeing the old page."""
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    first = iter([{"type": "websocket.receive", "bytes": asked.SerializeToString()}])
    connected = False

    async def running() -> Message:
        nonlocal connected
        if connected:
            for message in first:
                return message
        connected = True
        return await receive()

    return running
