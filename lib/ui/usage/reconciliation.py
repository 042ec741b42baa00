"""Reconciliation with the gateway's log, request by request, for admins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from lib.chat.usage import csv_export
from lib.chat.usage.reconciliation import load_reconciliation
from lib.core.errors import AntlerError, EndpointNotFound, InvalidResponse
from lib.core.reconciliation import LoggedRequest, Reconciliation, RecordedRequest, RequestMatch
from lib.core.user import User
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import table
from lib.ui.widgets.errors import code_message

Row = TypeVar("Row")

_MAX_ROWS = 50  # of each table; the CSV has all
_MAX_ID_LENGTH = 40
_CSV_COLUMNS = (
    *("sides", "match", "time", "model", "request_id", "antler_input", "gateway_input", "antler_output"),
    *("gateway_output", "antler_nano_usd", "gateway_nano_usd", "gateway_quota"),
)


def render(user: User, start: float, end: float) -> None:
    """Render the comparison of a period once an admin has requested it, in seconds since 1970. Raises StoreError."""
    if not user.is_admin:
        return
    st.header(t("reconcile.title"), anchor=False)
    with st.container(key="usage-reconcile"):
        st.markdown(t("reconcile.about"))
        if st.button(t("reconcile.ask"), key="reconcile-ask", icon=":material/compare_arrows:"):
            with st.spinner(t("usage.asking")):
                session_state.reconciliation = (start, end, _load(start, end))
        if session_state.reconciliation and session_state.reconciliation[:2] == (start, end):
            result = session_state.reconciliation[2]
            if isinstance(result, str):
                st.warning(escape_markdown(result), icon=":material/info:")
            else:
                _render_result(user, result)


def _load(start: float, end: float) -> Reconciliation | str:
    """Return the comparison, or the reason that there is none as plain text. Raises StoreError."""
    gateway = resources.shared_connection().gateway
    try:
        unit = gateway.fetch_billing_unit()
        request_log = gateway.fetch_request_log(unit)
    except EndpointNotFound:
        return t("reconcile.not_offered")
    except InvalidResponse as error:
        return " ".join(filter(None, (t("reconcile.not_offered"), " ".join(error.detail.split()))))
    except AntlerError as error:
        return f"{t('reconcile.failed')} {code_message(error.code)}"
    return load_reconciliation(resources.store().usage, request_log, unit, start, end)


def _render_result(user: User, result: Reconciliation) -> None:
    with st.container(key="reconcile-sums", horizontal=True, gap="medium"):
        st.metric(
            t("reconcile.matched"), f"{len(result.matches):,}", width="content", help=t("reconcile.matched_about")
        )
        st.metric(t("reconcile.guesses"), f"{result.guess_count:,}", width="content", help=t("reconcile.guess_about"))
        st.metric(t("reconcile.only_gateway"), f"{len(result.only_logged):,}", width="content")
        st.metric(t("reconcile.only_antler"), f"{len(result.only_recorded):,}", width="content")
        st.metric(t("reconcile.share"), f"{100 * result.unmatched_share:.1f}%", width="content")
    if result.uncompared_count:
        st.caption(t("reconcile.uncompared", count=result.uncompared_count))
    differences = [match for match in result.matches if match.differs]
    _render_rows("differences", ("time", "model", "id", "input", "output", "cost"), differences, _match_cells)
    _render_rows("only_gateway", ("time", "model", "id", "tokens", "amount"), result.only_logged, _logged_cells)
    _render_rows("only_antler", ("time", "model", "id", "tokens", "amount"), result.only_recorded, _recorded_cells)
    if result.matches or result.unmatched_count:
        table.render_csv_download(lambda: _export_csv(user, result), "antler-reconciliation.csv", "reconcile-csv")


def _render_rows(
    name: str, columns: Sequence[str], rows: Sequence[Row], get_cells: Callable[[Row], Sequence[str]]
) -> None:
    st.markdown(f"**{t(f'reconcile.{name}')}**: {len(rows):,}")
    if rows:
        headers = [t(f"reconcile.col_{column}") for column in columns]
        table.render(headers, [list(map(escape_markdown, get_cells(row))) for row in rows[:_MAX_ROWS]])
    if len(rows) > _MAX_ROWS:
        st.caption(t("reconcile.more", count=len(rows) - _MAX_ROWS))


def _match_cells(match: RequestMatch) -> Sequence[str]:
    logged, recorded = match.logged, match.recorded
    return (
        dates.format_time(recorded.sent_at),
        recorded.model,
        t("reconcile.guess") if match.is_guess else logged.request_id[:_MAX_ID_LENGTH],
        _pair_text(_format_count(recorded.input), _format_count(logged.input), match.input_difference),
        _pair_text(_format_count(recorded.output), _format_count(logged.output), match.output_difference),
        _cost_cell(match),
    )


def _cost_cell(match: RequestMatch) -> str:
    recorded = _format_cost(match.recorded.cost)
    if match.logged.cost is None:
        return _pair_text(recorded, _format_quota(match.logged), None)
    difference = match.cost_difference
    text = _pair_text(recorded, _format_cost(match.logged.cost), difference)
    return f"{text} ({'+' if difference > 0 else ''}{format_dollars(difference)})" if difference else text


def _pair_text(recorded: str, logged: str, difference: int | None) -> str:
    return logged if difference == 0 else f"{recorded} → {logged}"


def _logged_cells(logged: LoggedRequest) -> Sequence[str]:
    moment = logged.started_at if logged.started_at is not None else logged.ended_at
    return (
        "–" if moment is None else dates.format_time(moment),
        logged.model or "–",
        logged.request_id[:_MAX_ID_LENGTH] or "–",
        _format_tokens(logged.input, logged.output),
        _format_quota(logged) if logged.cost is None else _format_cost(logged.cost),
    )


def _recorded_cells(recorded: RecordedRequest) -> Sequence[str]:
    return (
        dates.format_time(recorded.sent_at),
        recorded.model,
        " ".join(recorded.request_id.split())[:_MAX_ID_LENGTH] or "–",
        _format_tokens(recorded.input, recorded.output),
        _format_cost(recorded.cost),
    )


def _format_tokens(input_tokens: int | None, output_tokens: int | None) -> str:
    if input_tokens is None and output_tokens is None:
        return t("usage.unknown")
    return t("usage.in_out", input=input_tokens or 0, output=output_tokens or 0)


def _format_count(count: int | None) -> str:
    return t("usage.unknown") if count is None else f"{count:,}"


def _format_cost(cost: int | None) -> str:
    return t("usage.unknown") if cost is None else format_dollars(cost)


def _format_quota(logged: LoggedRequest) -> str:
    return t("usage.unknown") if logged.quota is None else t("billing.units", amount=f"{logged.quota:,}")


def _export_csv(user: User, result: Reconciliation) -> str:
    audit.record(user, "export", "reconciliation")
    rows: list[tuple[str, str, LoggedRequest | None, RecordedRequest | None]] = [
        ("both", "guess" if match.is_guess else "id", match.logged, match.recorded) for match in result.matches
    ]
    rows += [("gateway", "", logged, None) for logged in result.only_logged]
    rows += [("antler", "", None, recorded) for recorded in result.only_recorded]
    return csv_export.to_csv(_CSV_COLUMNS, (_csv_row(*row) for row in rows))


def _csv_row(
    sides: str, match: str, logged: LoggedRequest | None, recorded: RecordedRequest | None
) -> Sequence[object]:
    moment = recorded.sent_at if recorded else logged.started_at if logged else None
    request_id = logged.request_id if logged and logged.request_id else recorded.request_id if recorded else ""
    return (
        sides,
        match,
        "" if moment is None else dates.format_time(moment),
        csv_export.escape_formula(recorded.model if recorded else logged.model if logged else ""),
        csv_export.escape_formula(request_id),
        recorded.input if recorded else None,
        logged.input if logged else None,
        recorded.output if recorded else None,
        logged.output if logged else None,
        recorded.cost if recorded else None,
        logged.cost if logged else None,
        logged.quota if logged else None,
    )
