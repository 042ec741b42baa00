"""What a balancer and a monitor ask: /health, /ready and /metrics."""

from __future__ import annotations

import secrets

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lib.config import auth
from lib.core.errors import SettingError
from lib.ui.server.probe import HealthProbe
from lib.ui.session import resources

DATABASE_TIMEOUT = 1.0  # seconds
GATEWAY_TIMEOUT = 3.0
GATEWAY_GRACE_PERIOD = 300.0  # a gateway that was reached so lately may be away for a moment
GATEWAY_PROBE_INTERVAL = 30.0
_METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NO_STORE_HEADERS = {"Cache-Control": "no-store"}


@st.cache_resource(show_spinner=False)
def _database_probe() -> HealthProbe:
    return HealthProbe("database", lambda: resources.store().ping(), DATABASE_TIMEOUT)


@st.cache_resource(show_spinner=False)
def _gateway_probe() -> HealthProbe:
    return HealthProbe(
        "gateway", lambda: resources.shared_gateway().ping(), GATEWAY_GRACE_PERIOD, GATEWAY_PROBE_INTERVAL
    )


async def health(_: Request) -> Response:
    """Whether the process is alive: that it answers at all says so."""
    return PlainTextResponse("ok", headers=_NO_STORE_HEADERS)


async def ready(_: Request) -> Response:
    """Whether people should be sent here: 200, or 503 and which part is not well."""
    closing = resources.generations().is_shutting_down
    parts = {
        "open": not closing,
        "database": not closing and await _database_probe().is_healthy(DATABASE_TIMEOUT),
        "gateway": not closing and await _gateway_probe().is_healthy(GATEWAY_TIMEOUT),
    }
    fine = all(parts.values())
    told = {"ready": fine} if closing else {"ready": fine, **parts}
    return JSONResponse(told, 200 if fine else 503, headers=_NO_STORE_HEADERS)


async def metrics(request: Request) -> Response:
    """The figures of this process, in Prometheus' text format, to whoever may read them."""
    try:
        token = resources.settings().server.metrics_token
    except SettingError:
        token = secrets.token_hex()  # nobody's
    if not _can_read_metrics(request, token):
        return PlainTextResponse("not yours to read", 403, headers=_NO_STORE_HEADERS)
    return Response(
        resources.metrics().to_prometheus_text(),
        headers={**_NO_STORE_HEADERS, "Content-Type": _METRICS_CONTENT_TYPE},
    )


ROUTES = [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


def _can_read_metrics(request: Request, token: str) -> bool:
    """With the token where one is set; else from this machine itself, and not through a proxy on it."""
    if token:
        given = request.headers.get("authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
    return auth.is_local_request(request.client.host if request.client else "", request.headers.get)
