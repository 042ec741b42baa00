"""Reconciliation of the gateway's log with the usage records, request by request."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from lib.core.pricing import NANOS_PER_DOLLAR, BillingUnit
from lib.core.reconciliation import LoggedRequest, Reconciliation, RecordedRequest, RequestLog, RequestMatch
from lib.gateway.catalog.model_names import normalize_model_id

MAX_RECORDED = 20_000  # newest requests of a period
# Seconds by which clocks, and the moments at which both sides count a request, may differ.
TIME_WINDOW = 120.0
_MAX_DURATION = 3600.0


class RequestReader(Protocol):
    """Storage of usage records; raises StoreError."""

    def requests(self, start: float, end: float, limit: int) -> list[RecordedRequest]: ...


def load_reconciliation(
    reader: RequestReader, request_log: RequestLog, unit: BillingUnit, start: float, end: float
) -> Reconciliation:
    """Return what both sides have of a period, in seconds since 1970. For administrators. Raises StoreError."""
    recorded = reader.requests(start - _MAX_DURATION, end + _MAX_DURATION, MAX_RECORDED)
    return reconcile(request_log, recorded, unit, start, end)


def reconcile(
    request_log: RequestLog, recorded: Sequence[RecordedRequest], unit: BillingUnit, start: float, end: float
) -> Reconciliation:
    """Match requests of a period by id, else by model, tokens and time; requests around it only as counterparts."""
    times = [request.ended_at for request in request_log.requests if request.ended_at is not None]
    log_start = min(times, default=start) if request_log.is_truncated else start
    rounding = round(NANOS_PER_DOLLAR / unit.quota_per_dollar) if unit.quota_per_dollar else 0
    pairs = [(logged, request, False) for logged, request in _match_by_id(request_log.requests, recorded)]
    has_ids = bool(pairs)
    logged_rest, recorded_rest = _rest(request_log.requests, recorded, pairs)
    guesses = _match_by_content(logged_rest, recorded_rest, has_ids=has_ids)
    pairs += [(logged, request, True) for logged, request in guesses]
    logged_rest, recorded_rest = _rest(request_log.requests, recorded, pairs)
    unmatched = [item for item in recorded_rest if start <= item.sent_at < end and not item.failed_before_output]
    return Reconciliation(
        tuple(
            RequestMatch(logged, request, is_guess, rounding)
            for logged, request, is_guess in sorted(pairs, key=lambda pair: -pair[1].sent_at)
            if start <= request.sent_at < end
        ),
        tuple(
            logged
            for logged in sorted(logged_rest, key=lambda logged: -(logged.ended_at or 0.0))
            if (logged.started_at is None or start <= logged.started_at < end) and _is_billed(logged)
        ),
        tuple(item for item in sorted(unmatched, key=lambda item: -item.sent_at) if item.sent_at >= log_start),
        sum(item.sent_at < log_start for item in unmatched),
    )


def _is_billed(logged: LoggedRequest) -> bool:
    return bool(logged.quota or logged.output or (logged.quota is None and logged.input))


def _rest(
    logged: Iterable[LoggedRequest],
    recorded: Iterable[RecordedRequest],
    pairs: Sequence[tuple[LoggedRequest, RecordedRequest, bool]],
) -> tuple[list[LoggedRequest], list[RecordedRequest]]:
    matched_logged, matched_recorded = {id(pair[0]) for pair in pairs}, {pair[1].id for pair in pairs}
    return (
        [request for request in logged if id(request) not in matched_logged],
        [request for request in recorded if request.id not in matched_recorded],
    )


def _match_by_id(
    logged: Sequence[LoggedRequest], recorded: Sequence[RecordedRequest]
) -> Iterator[tuple[LoggedRequest, RecordedRequest]]:
    by_id = {request.request_id: request for request in logged if request.request_id}
    for request in recorded:
        # Each once: an id that a gateway repeats is no evidence.
        if request.request_id and (match := by_id.pop(request.request_id, None)):
            yield match, request


def _match_by_content(
    logged: Sequence[LoggedRequest], recorded: Sequence[RecordedRequest], *, has_ids: bool
) -> list[tuple[LoggedRequest, RecordedRequest]]:
    """Match by model and time: with equal token counts the nearest in time, without counts an only candidate.

    Where ids matched at all, two different ones are two requests.
    """
    by_model: defaultdict[str, list[LoggedRequest]] = defaultdict(list)
    for logged_request in sorted(logged, key=lambda request: request.ended_at or 0.0):
        if logged_request.ended_at is not None:
            by_model[normalize_model_id(logged_request.model)].append(logged_request)
    candidates = [
        (abs((entry.ended_at or 0.0) - request.sent_at - (request.seconds or 0.0)), number, entry, request)
        for number, request in enumerate(recorded)
        for entry in _near(by_model[normalize_model_id(request.model)], request)
        if not (has_ids and entry.request_id and request.request_id)
    ]
    pairs: list[tuple[LoggedRequest, RecordedRequest]] = []
    used: set[int | str] = set()
    for _, _, entry, request in sorted(candidates, key=lambda item: item[:2]):
        if _has_equal_tokens(entry, request) and id(entry) not in used and request.id not in used:
            pairs.append((entry, request))
            used |= {id(entry), request.id}
    free = [(entry, request) for _, _, entry, request in candidates if not {id(entry), request.id} & used]
    entry_counts, request_counts = _count(id(entry) for entry, _ in free), _count(request.id for _, request in free)
    pairs += [
        (entry, request)
        for entry, request in free
        if (request.input is None or request.output is None)
        and not request.failed_before_output
        and entry_counts[id(entry)] == request_counts[request.id] == 1
    ]
    return pairs


def _near(entries: Sequence[LoggedRequest], request: RecordedRequest) -> Sequence[LoggedRequest]:
    """Return the entries, sorted by time, that end while the request ran or within the window around it."""
    first = bisect.bisect_left(entries, request.sent_at - TIME_WINDOW, key=lambda entry: entry.ended_at or 0.0)
    end = request.sent_at + (request.seconds or 0.0) + TIME_WINDOW
    return entries[first : bisect.bisect_right(entries, end, key=lambda entry: entry.ended_at or 0.0)]


def _has_equal_tokens(entry: LoggedRequest, request: RecordedRequest) -> bool:
    counts = [(entry.input, request.input), (entry.output, request.output)]
    known = [(logged, own) for logged, own in counts if logged is not None and own is not None]
    return bool(known) and all(logged == own for logged, own in known) and any(own for _, own in known)


def _count(keys: Iterable[int | str]) -> dict[int | str, int]:
    counts: defaultdict[int | str, int] = defaultdict(int)
    for key in keys:
        counts[key] += 1
    return counts
