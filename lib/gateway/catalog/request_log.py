"""The gateway's log of a key's requests, in the shapes of new-api's versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib.core.errors import InvalidResponse
from lib.core.pricing import NANOS_PER_DOLLAR, BillingUnit
from lib.core.reconciliation import LoggedRequest, RequestLog
from lib.core.sanitize import get_object, parse_token_count, replace_surrogates
from lib.gateway.json_values import invalid_body

# Versions since autumn 2025 take the key in a header. Older ones take it in the address only, where it would end
# up in the logs of every proxy on the way: for them, the log counts as not offered.
REQUEST_LOG_PATH = "/api/log/token"
MAX_REQUESTS = 20_000
_MAX_TEXT_LENGTH = 128
# new-api's model/log.go: consumption, errors and refunds are about requests; the others are top-ups, sign-ins and
# changes by administrators. Versions differ in whether they log errors.
_CONSUMPTION, _ERROR, _REFUND = 2, 5, 6
_REQUEST_TYPES = (None, 0, _CONSUMPTION, _ERROR, _REFUND)
# The log is cut at a round number of newest rows: 100 in one-api, 1000 in new-api.
_PAGE_SIZE = 100
_MAX_QUOTA = 10**15


def parse_request_log(body: str, unit: BillingUnit) -> RequestLog:
    """Return the requests in the log, each with the sum of its rows; `unit` converts quotas to dollars.

    Raises InvalidResponse if the body is no such list, with the gateway's words if it has any.
    """
    rows = _parse_rows(body)
    requests = [request for row in rows[:MAX_REQUESTS] if (request := _parse_row(row, unit))]
    by_id: dict[str, LoggedRequest] = {}
    for request in requests:
        # A retry inside the gateway, an error and a refund are rows of their own with the id of their request.
        if request.request_id:
            earlier = by_id.get(request.request_id)
            by_id[request.request_id] = _merge(earlier, request) if earlier else request
    unidentified = (request for request in requests if not request.request_id)
    is_truncated = len(rows) >= _PAGE_SIZE and len(rows) % _PAGE_SIZE == 0
    return RequestLog((*by_id.values(), *unidentified), is_truncated)


def _parse_rows(body: str) -> list[Mapping[str, Any]]:
    """Return the rows of a list, of `data`, or of a page in `data` ("items", "logs")."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid_body(body) from None
    data = payload.get("data") if isinstance(payload, dict) else payload
    if isinstance(data, dict):
        data = next((data[name] for name in ("items", "logs", "data") if isinstance(data.get(name), list)), None)
    if isinstance(payload, dict) and payload.get("success") is False:
        raise InvalidResponse(replace_surrogates(str(payload.get("message") or ""))[:200])
    # A key without requests has null in place of a list.
    if data is None and isinstance(payload, dict) and payload.get("success") is True and "data" in payload:
        return []
    if not isinstance(data, list):
        raise invalid_body(body)
    return [row for row in data if isinstance(row, dict)]


def _parse_row(row: Mapping[str, Any], unit: BillingUnit) -> LoggedRequest | None:
    row_type = _parse_count(row.get("type"))
    if row_type not in _REQUEST_TYPES:
        return None
    details = _parse_details(row)
    request_id = _parse_text(row, details, "request_id", "requestId", "RequestId")
    model = _parse_text(row, details, "model_name", "model", "modelName")
    ended_at = _parse_time(next((row[name] for name in ("created_at", "createdAt", "timestamp") if name in row), None))
    if not (request_id or (model and ended_at)):
        return None
    seconds = _parse_count(row.get("use_time")) or 0
    quota = _parse_count(row.get("quota"))
    if quota is not None and row_type == _REFUND:
        quota = -quota
    return LoggedRequest(
        request_id,
        model,
        None if ended_at is None else ended_at - seconds,
        ended_at,
        _parse_input(row, details),
        _first_count(row, "completion_tokens", "output_tokens"),
        quota,
        _to_cost(quota, unit),
    )


def _parse_details(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object in `other`, which most versions send as JSON text."""
    other = row.get("other")
    if isinstance(other, str):
        try:
            other = json.loads(other)
        except (ValueError, RecursionError):
            return {}
    return get_object({"other": other}, "other")


def _parse_input(row: Mapping[str, Any], details: Mapping[str, Any]) -> int | None:
    tokens = _first_count(row, "prompt_tokens", "input_tokens")
    # For Claude, new-api logs Anthropic's own count, which leaves the cache out.
    if tokens is None or details.get("claude") is not True:
        return tokens
    return tokens + sum(_parse_count(details.get(name)) or 0 for name in ("cache_tokens", "cache_creation_tokens"))


def _first_count(row: Mapping[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := _parse_count(row.get(name))) is not None), None)


def _parse_count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    count = parse_token_count(value)
    return count if count is not None and count <= _MAX_QUOTA else None


def _parse_time(value: Any) -> float | None:
    """Return seconds since 1970 of seconds, milliseconds or an ISO time."""
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            value = datetime.fromisoformat(value.strip()).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    seconds = float(value) if isinstance(value, float) else _parse_count(value)
    if seconds is None or not 0 < seconds < 1e14:
        return None
    return seconds / 1000 if seconds > 1e11 else float(seconds)


def _parse_text(row: Mapping[str, Any], details: Mapping[str, Any], *names: str) -> str:
    values = [source.get(name) for source in (row, details) for name in names]
    text = next((value for value in values if isinstance(value, str) and value.strip()), "")
    return " ".join(replace_surrogates(text).split())[:_MAX_TEXT_LENGTH]


def _to_cost(quota: int | None, unit: BillingUnit) -> int | None:
    if quota is None or unit.quota_per_dollar is None:
        return None
    return round(Decimal(quota) * NANOS_PER_DOLLAR / unit.quota_per_dollar)


def _merge(first: LoggedRequest, second: LoggedRequest) -> LoggedRequest:
    """Return two rows of one request as one."""
    times = [time for request in (first, second) for time in (request.started_at, request.ended_at) if time is not None]
    return replace(
        first,
        model=first.model or second.model,
        started_at=min(times, default=None),
        ended_at=max(times, default=None),
        input=_add(first.input, second.input),
        output=_add(first.output, second.output),
        quota=_add(first.quota, second.quota),
        cost=_add(first.cost, second.cost),
    )


def _add(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else first + second
