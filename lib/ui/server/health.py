"""Health check, readiness and metrics endpoints, for load balancers and monitors."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import streamlit as st
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lib.config import auth
from lib.core.errors import AnswerError, NetworkError, Overloaded, RateLimited, SettingError
from lib.ui.auth.sign_in_html import base_path
from lib.ui.server.probe import HealthProbe
from lib.ui.session import resources

DATABASE_TIMEOUT = 1.0  # seconds
GATEWAY_TIMEOUT = 3.0
GATEWAY_GRACE_PERIOD = 300.0  # a gateway that answered within this time counts as healthy
GATEWAY_PROBE_INTERVAL = 30.0
_METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NO_STORE_HEADERS = {"Cache-Control": "no-store"}


@st.cache_resource(show_spinner=False)
def _database_probe() -> HealthProbe:
    return HealthProbe("database", lambda: resources.store().ping(), DATABASE_TIMEOUT)


@st.cache_resource(show_spinner=False)
def _gateway_probe() -> HealthProbe:
    # The catalogue of models logs the same problem, also where nobody asks for readiness.
    probe = HealthProbe(
        "gateway", _check_gateway, GATEWAY_GRACE_PERIOD, GATEWAY_PROBE_INTERVAL, _is_reached, level=logging.INFO
    )
    resources.metrics().set_gauges(gateway_up=lambda: float(probe.was_healthy))
    return probe


def _check_gateway() -> None:
    connection = resources.shared_connection()
    try:
        connection.gateway.ping()
    except (RateLimited, Overloaded):
        return  # for now
    except AnswerError as error:
        connection.catalog.note_outcome(error)
        raise
    connection.catalog.note_outcome(None)


def _is_reached(error: Exception) -> bool:
    """Tell if the gateway has responded, with a refusal of the key or nothing that a gateway sends."""
    return isinstance(error, AnswerError) and not isinstance(error, NetworkError)


async def health(_: Request) -> Response:
    """Liveness check: respond that the process is alive."""
    return PlainTextResponse("ok", headers=_NO_STORE_HEADERS)


async def ready(_: Request) -> Response:
    """Readiness check: respond 200 if the process can serve users, else 503 with the unhealthy parts.

    A gateway that refuses the key, or is none, degrades the process: what is stored can be read. Problems are codes.
    """
    if resources.generations().is_shutting_down:
        return JSONResponse({"ready": False}, 503, headers=_NO_STORE_HEADERS)
    database, gateway = _database_probe(), _gateway_probe()
    parts = {
        "database": await database.is_healthy(DATABASE_TIMEOUT),
        "gateway": await gateway.is_healthy(GATEWAY_TIMEOUT),
    }
    is_ready = all(parts.values())
    parts["gateway"] &= not gateway.was_degraded
    body: dict[str, Any] = {"ready": is_ready, "open": True, **parts}
    if problems := {probe.name: probe.problem for probe in (database, gateway) if probe.problem}:
        body |= {"degraded": is_ready, "problems": problems}
    return JSONResponse(body, 200 if is_ready else 503, headers=_NO_STORE_HEADERS)


async def metrics(request: Request) -> Response:
    """Respond with the metrics in Prometheus text format, to permitted clients."""
    if not can_read_metrics(request):
        return PlainTextResponse("access denied", 403, headers=_NO_STORE_HEADERS)
    # A scrape starts a check that is due, and does not wait for it.
    await _gateway_probe().is_healthy(0.0)
    return Response(
        resources.metrics().to_prometheus_text(),
        headers={**_NO_STORE_HEADERS, "Content-Type": _METRICS_CONTENT_TYPE},
    )


PATHS = ("/health", "/ready", "/metrics")


def routes() -> list[Route]:
    """Return the routes, also below the path at which the app is served: there Streamlit answers all others."""
    return [
        Route(f"{base}{path}", endpoint)
        for base in dict.fromkeys(("", base_path().rstrip("/")))
        for path, endpoint in zip(PATHS, (health, ready, metrics), strict=True)
    ]


def can_read_metrics(request: HTTPConnection) -> bool:
    """Permit the token, if one is set, else requests from this machine that no proxy has forwarded."""
    try:
        token = resources.settings().server.metrics_token
    except SettingError:
        return False
    if token:
        authorization = request.headers.get("authorization", "")
        return secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode())
    return auth.is_local_request(request.client.host if request.client else "", request.headers.get)
