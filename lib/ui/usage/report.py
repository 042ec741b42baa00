"""What was used: whose and of which days, the sums, a chart, tables, a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo

import streamlit as st

from lib.chat.usage import report
from lib.chat.usage.report import Report, Wait
from lib.core.pricing import NANO
from lib.core.usage import Spent
from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.text import dates
from lib.ui.text.i18n import literal, t
from lib.ui.usage import all_users, balance
from lib.ui.widgets import cost, table

_RANGES = {"week": 7, "month": 30, "quarter": 90, "year": 365}
_OWN = "own"
_MEASURES = ("cost", "tokens", "requests")
_CHARTED = 8  # models with a colour of their own; all others are one
_RANGE, _DAYS, _MEASURE = "usage.range", "usage.days", "usage.measure"


def paint(person: Person) -> None:
    """All of the page but its title. Raises StoreError."""
    zone = dates.zone(st.context.timezone, st.context.timezone_offset)
    of_all = all_users.chosen(person)
    first, last = _range(datetime.now(zone).date())
    if of_all:
        found = all_users.report(person, first, last, zone)
    else:
        found = report.report(resources.store(), person.id, first, last, zone)
    if not found.lines:
        st.markdown(f"{t('usage.empty')}  \n{t('usage.empty_how')}")
    else:
        _sums(found)
        _chart(found, first, last)
        if of_all:
            _people(all_users.spent(person, first, last, zone))
        _tables(found)
        _file(person if of_all else None, found, (first, last), zone)
    balance.paint(person)


def _range(today: date) -> tuple[date, date]:
    """The first and the last day to show."""
    with st.container(key="usage-range", horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            t("usage.range"),
            [*_RANGES, _OWN],
            default="month",
            key=_RANGE,
            required=True,
            format_func=lambda name: t(f"usage.{name}"),
            label_visibility="collapsed",
        )
        if chosen != _OWN:
            return today - timedelta(days=_RANGES.get(chosen or "", 30) - 1), today
        # Tomorrow too: another clock may be ahead.
        picked = st.date_input(
            t("usage.days"),
            (today - timedelta(days=29), today),
            max_value=today + timedelta(days=1),
            key=_DAYS,
            format="YYYY-MM-DD",
            label_visibility="collapsed",
        )
    # While the second day is not picked yet, there is one.
    both = list(picked) if isinstance(picked, tuple) else [picked]
    return (both[0], both[-1]) if both else (today, today)


def _sums(found: Report) -> None:
    total, wait = found.total, found.waits.get(None)
    with st.container(key="usage-sums", horizontal=True, gap="medium"):
        st.metric(t("usage.cost"), literal(cost.words(total)), width="content")
        st.metric(t("usage.requests"), f"{total.requests:,}", width="content")
        st.metric(t("usage.tokens"), _tokens(total), width="content")
        st.metric(t("usage.first"), _wait(wait), width="content", help=t("usage.first_about"))
        st.metric(t("usage.failed"), _failed(total), width="content", help=t("usage.failed_about"))


def _chart(found: Report, first: date, last: date) -> None:
    measure = st.segmented_control(
        t("usage.measure"),
        _MEASURES,
        default="cost" if found.total.cost else "tokens",
        key=_MEASURE,
        required=True,
        format_func=lambda name: t(f"usage.{name}"),
        label_visibility="collapsed",
    )
    ranked = list(dict.fromkeys(target.model for target in found.by_target()))
    shown = ranked if len(ranked) <= _CHARTED else ranked[: _CHARTED - 1]
    bars: dict[tuple[date, str], Spent] = {}
    for line in found.lines:
        place = (line.day, line.target.model if line.target.model in shown else t("usage.others"))
        bars[place] = bars.get(place, Spent()) + line.spent
    # A day without a bar has its place all the same.
    for number in range((last - first).days + 1):
        bars.setdefault((first + timedelta(days=number), shown[0]), Spent())
    placed = sorted(bars)
    st.bar_chart(
        {
            "day": [day.isoformat() for day, _ in placed],
            t("usage.model"): [model for _, model in placed],
            "value": [_measured(bars[place], str(measure)) for place in placed],
        },
        x="day",
        y="value",
        color=t("usage.model"),
        x_label="",
        y_label=t("usage.dollars" if measure == "cost" else f"usage.{measure}"),
    )


def _measured(spent: Spent, measure: str) -> float:
    if measure == "cost":
        return spent.cost / NANO
    return float(spent.requests if measure == "requests" else _sent(spent))


def _sent(spent: Spent) -> int:
    return (spent.usage.input or 0) + (spent.usage.output or 0)


def _people(found: Sequence[tuple[str, Spent]]) -> None:
    with st.container(key="usage-people"):
        st.subheader(t("usage.by_person"), anchor=False)
        _table(["person", *_HEADS], [[name, *_cells(spent)] for name, spent in found])


def _tables(found: Report) -> None:
    rows = [
        [literal(target.model), t(f"wire.{target.wire}"), *_cells(spent), _wait(found.waits.get(target))]
        for target, spent in found.by_target().items()
    ]
    with st.container(key="usage-models"):
        st.subheader(t("usage.by_model"), anchor=False)
        _table(["model", "wire", *_HEADS, "first"], rows)
    with st.container(key="usage-wires"):
        st.subheader(t("usage.by_wire"), anchor=False)
        wires = [[t(f"wire.{wire}"), *_cells(spent)] for wire, spent in found.by_wire().items()]
        _table(["wire", *_HEADS], wires)
    with st.container(key="usage-days"), st.expander(t("usage.by_day")):
        by_day = [[day.isoformat(), *_cells(spent)] for day, spent in reversed(found.by_day().items())]
        _table(["day", *_HEADS], by_day)


_HEADS = ("cost", "requests", "tokens", "failed")


def _cells(spent: Spent) -> list[str]:
    return [literal(cost.words(spent)), f"{spent.requests:,}", _tokens(spent), _failed(spent)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table.paint([t(f"usage.{head}") for head in heads], rows)


def _tokens(spent: Spent) -> str:
    if spent.usage.input is None and spent.usage.output is None:
        return t("usage.unknown")
    return t("usage.in_out", sent=spent.usage.input or 0, said=spent.usage.output or 0)


def _failed(spent: Spent) -> str:
    share = 100 * spent.failed / spent.requests
    return t("usage.share", share=share) if spent.failed else t("usage.none")


def _wait(wait: Wait | None) -> str:
    return t("usage.waits", half=wait.half, most=wait.most) if wait else t("usage.unknown")


def _file(of_all: Person | None, found: Report, days_: tuple[date, date], zone: tzinfo) -> None:
    """The download; `of_all` is the admin who gets it of everybody."""

    def text() -> str:
        return all_users.file(of_all, *days_, zone) if of_all else report.table(found.lines)

    # With a mark that tells spreadsheets which letters these are.
    st.download_button(
        t("usage.csv"),
        lambda: text().encode("utf-8-sig"),
        f"antler-usage-{'all-' if of_all else ''}{days_[0]}-{days_[1]}.csv",
        "text/csv",
        key="usage-csv",
        icon=":material/download:",
        on_click="ignore",
    )
