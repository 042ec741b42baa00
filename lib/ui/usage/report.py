"""Usage report: date range, totals, chart, tables, and CSV download."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo

import streamlit as st

from lib.chat.usage import report
from lib.chat.usage.report import FirstTokenLatency, UsageStatistics
from lib.core.usage import UsageTotal
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.text import dates, escape_markdown, t
from lib.ui.usage import all_users, balance, chart, reconciliation
from lib.ui.widgets import cost, table
from lib.ui.widgets.controls import render_choice

_RANGE_DAYS = {"week": 7, "month": 30, "quarter": 90, "year": 365}
_CUSTOM_RANGE = "own"
_TOTAL_COLUMNS = ("cost", "requests", "tokens", "failed")
_RANGE_KEY, _DATES_KEY, _MEASURE_KEY = "usage.range", "usage.days", "usage.measure"


def render(user: User) -> None:
    """Render the report. Raises StoreError."""
    zone = dates.reader_timezone()
    is_all_users = all_users.select_all_users(user)
    first, last = _select_dates(datetime.now(zone).date())
    owner = None if is_all_users else user.id
    usage_report = report.load_statistics(resources.store().usage, owner, first, last, zone)
    if not usage_report.daily_usage:
        st.markdown(f"{t('usage.empty')}  \n{t('usage.empty_how')}")
    else:
        _render_totals(usage_report)
        _render_chart(usage_report, first, last)
        if is_all_users:
            _render_by_user(all_users.usage_by_user(user, first, last, zone))
        _render_tables(usage_report)
        _render_csv_download(user if is_all_users else None, usage_report, (first, last), zone)
    if is_all_users:
        all_users.render_feedback(user)
    balance.render(user)
    days = report.split_into_day_ranges(first, last, zone)
    reconciliation.render(user, days[0].start, days[-1].end)


def _select_dates(today: date) -> tuple[date, date]:
    """Render the selection of a date range, and return its first and last day."""
    with st.container(key="usage-range", horizontal=True, vertical_alignment="center"):
        options = [*_RANGE_DAYS, _CUSTOM_RANGE]
        selected = render_choice(
            t("usage.range"), _RANGE_KEY, options, lambda name: t(f"usage.{name}"), default="month"
        )
        if selected != _CUSTOM_RANGE:
            return today - timedelta(days=_RANGE_DAYS.get(selected or "", 30) - 1), today
        # Tomorrow too: another clock can be ahead.
        picked = st.date_input(
            t("usage.days"),
            (today - timedelta(days=29), today),
            max_value=today + timedelta(days=1),
            key=_DATES_KEY,
            format="YYYY-MM-DD",
            label_visibility="collapsed",
        )
    # One day until the second one is picked, and none in an emptied field.
    days = list(picked) if isinstance(picked, tuple) else [picked]
    return (days[0], days[-1]) if days else (today, today)


def _render_totals(usage_report: UsageStatistics) -> None:
    total, latency = usage_report.total, usage_report.latencies.get(None)
    with st.container(key="usage-sums", horizontal=True, gap="medium"):
        st.metric(t("usage.cost"), escape_markdown(cost.cost_text(total)), width="content")
        st.metric(t("usage.requests"), f"{total.request_count:,}", width="content")
        st.metric(t("usage.tokens"), _format_tokens(total), width="content")
        st.metric(t("usage.first"), _format_latency(latency), width="content", help=t("usage.first_about"))
        st.metric(t("usage.failed"), _format_failures(total), width="content", help=t("usage.failed_about"))


def _render_chart(usage_report: UsageStatistics, first: date, last: date) -> None:
    measure = render_choice(
        t("usage.measure"),
        _MEASURE_KEY,
        chart.MEASURES,
        lambda name: t(f"usage.{name}"),
        default="cost" if usage_report.total.cost else "tokens",
    )
    chart.render(usage_report, str(measure), first, last)
    with st.container(key="usage-days"), st.expander(t("usage.by_day")):
        by_day = [
            [dates.format_day(day), *_total_cells(total)]
            for day, total in reversed(usage_report.total_by_day().items())
        ]
        _render_table(["day", *_TOTAL_COLUMNS], by_day)


def _render_by_user(usage_by_user: Sequence[tuple[str, UsageTotal]]) -> None:
    with st.container(key="usage-users"):
        st.header(t("usage.by_person"), anchor=False)
        _render_table(["person", *_TOTAL_COLUMNS], [[name, *_total_cells(total)] for name, total in usage_by_user])


def _render_tables(usage_report: UsageStatistics) -> None:
    rows = [
        [
            escape_markdown(target.model),
            t(f"wire.{target.wire}"),
            *_total_cells(total),
            _format_latency(usage_report.latencies.get(target)),
        ]
        for target, total in usage_report.total_by_target().items()
    ]
    with st.container(key="usage-models"):
        st.header(t("usage.by_model"), anchor=False)
        _render_table(["model", "wire", *_TOTAL_COLUMNS, "first"], rows)
    with st.container(key="usage-wires"):
        st.header(t("usage.by_wire"), anchor=False)
        wires = [[t(f"wire.{wire}"), *_total_cells(total)] for wire, total in usage_report.total_by_wire().items()]
        _render_table(["wire", *_TOTAL_COLUMNS], wires)


def _total_cells(total: UsageTotal) -> list[str]:
    return [
        escape_markdown(cost.cost_text(total)),
        f"{total.request_count:,}",
        _format_tokens(total),
        _format_failures(total),
    ]


def _render_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table.render([t(f"usage.{column}") for column in columns], rows)


def _format_tokens(total: UsageTotal) -> str:
    if total.usage.input is None and total.usage.output is None:
        return t("usage.unknown")
    return t("usage.in_out", input=total.usage.input or 0, output=total.usage.output or 0)


def _format_failures(total: UsageTotal) -> str:
    share = 100 * total.failed_count / total.request_count
    return t("usage.share", share=share) if total.failed_count else t("usage.none")


def _format_latency(latency: FirstTokenLatency | None) -> str:
    return t("usage.waits", median=latency.median, p95=latency.p95) if latency else t("usage.unknown")


def _render_csv_download(
    admin: User | None, usage_report: UsageStatistics, days: tuple[date, date], zone: tzinfo
) -> None:
    """Render the download: of all users for an admin, else of the report."""

    def build_csv() -> str:
        if admin:
            return all_users.export_csv(admin, *days, zone)
        return report.usage_to_csv(usage_report.daily_usage)

    file_name = f"antler-usage-{'all-' if admin else ''}{days[0]}-{days[1]}.csv"
    table.render_csv_download(build_csv, file_name, "usage-csv")
