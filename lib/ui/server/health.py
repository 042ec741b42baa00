"""What a balancer and a monitor ask: /health, /ready and /metrics."""

from __future__ import annotations

import ipaddress
import secrets

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lib.core.errors import SettingError
from lib.ui.server.probe import Probe
from lib.ui.session import resources

DATABASE_PATIENCE = 1.0  # seconds
GATEWAY_PATIENCE = 3.0
GATEWAY_LASTING = 300.0  # a gateway that was reached so lately may be away for a moment
GATEWAY_PACE = 30.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_FRESH = {"Cache-Control": "no-store"}


@st.cache_resource(show_spinner=False)
def _database() -> Probe:
    return Probe("database", lambda: resources.store().answers(), DATABASE_PATIENCE)


@st.cache_resource(show_spinner=False)
def _gateway() -> Probe:
    return Probe("gateway", lambda: resources.shared_gateway().reach(), GATEWAY_LASTING, GATEWAY_PACE)


async def health(_: Request) -> Response:
    """Whether the process is alive: that it answers at all says so."""
    return PlainTextResponse("ok", headers=_FRESH)


async def ready(_: Request) -> Response:
    """Whether people should be sent here: 200, or 503 and which part is not well."""
    closing = resources.answers().closing
    parts = {
        "open": not closing,
        "database": not closing and await _database().well(DATABASE_PATIENCE),
        "gateway": not closing and await _gateway().well(GATEWAY_PATIENCE),
    }
    fine = all(parts.values())
    told = {"ready": fine} if closing else {"ready": fine, **parts}
    return JSONResponse(told, 200 if fine else 503, headers=_FRESH)


async def metrics(request: Request) -> Response:
    """The figures of this process, in Prometheus' text format, to whoever may read them."""
    try:
        token = resources.settings().serving.metrics_token
    except SettingError:
        token = secrets.token_hex()  # nobody's
    if not _may_read(request, token):
        return PlainTextResponse("not yours to read", 403, headers=_FRESH)
    return Response(resources.meter().figures(), headers={**_FRESH, "Content-Type": _TEXT})


ROUTES = [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


def _may_read(request: Request, token: str) -> bool:
    """With the token where one is set; else from this machine itself, and not through a proxy on it."""
    if token:
        given = request.headers.get("authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    # The name as well: a page elsewhere can have its own name lead to this machine.
    return _is_here(request.client.host if request.client else "") and _is_here(request.url.hostname or "")


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
