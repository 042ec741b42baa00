"""Chart of the usage by day and model, with a description for screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from lib.chat.usage.report import UsageStatistics
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.usage import UsageTotal
from lib.ui.text import dates, t

MEASURES = ("cost", "tokens", "requests")
_MAX_SERIES = 8  # further models are one series
_PLOT_HEIGHT, _LEGEND_ROW_HEIGHT = 260, 20  # px
_LONG_NAME_CHARS = 20  # names of more characters are listed in one column
_MAX_NAME_PIXELS = 240
# Numbers on the axis and in tooltips, in the notation of D3: significant digits and SI prefixes.
_AXIS_FORMATS = {"cost": "$~g", "tokens": "~s", "requests": "~s"}
_VALUE_FORMATS = {"cost": "$,.4~f", "tokens": ",", "requests": ","}


def render(usage_report: UsageStatistics, measure: str, first: date, last: date) -> None:
    """Render the chart of one of MEASURES from the first to the last day."""
    models = list(dict.fromkeys(target.model for target in usage_report.total_by_target()))
    names = models if len(models) <= _MAX_SERIES else [*models[: _MAX_SERIES - 1], t("usage.others")]
    values = _list_values(usage_report, measure, names, first, last)
    spec = _build_spec(measure, names)
    alternative = t(
        "usage.chart_about",
        measure=t(f"usage.axis_{measure}"),
        first=dates.format_day(first),
        last=dates.format_day(last),
        models=t("list.separator").join(names),
    )
    st.vega_lite_chart(values, spec, width="stretch", height=spec["height"], key="usage-chart", alt=alternative)


def _list_values(
    usage_report: UsageStatistics, measure: str, names: Sequence[str], first: date, last: date
) -> list[dict[str, Any]]:
    """Return a value for each bar, by day. Days without usage keep their place on the axis."""
    bars: dict[tuple[date, str], UsageTotal] = {}
    for entry in usage_report.daily_usage:
        name = entry.target.model if entry.target.model in names else names[-1]
        bars[entry.day, name] = bars.get((entry.day, name), UsageTotal()) + entry.total
    day_count = (last - first).days + 1
    for offset in range(day_count):
        bars.setdefault((first + timedelta(days=offset), names[0]), UsageTotal())
    # Without the year while no two days have the same label.
    format_day = dates.format_day if day_count > 365 else dates.format_day_of_year
    return [
        {"day": format_day(day), "model": name, "value": _measure_value(bars[day, name], measure)}
        for day, name in sorted(bars)
    ]


def _build_spec(measure: str, names: Sequence[str]) -> dict[str, Any]:
    columns = 1 if max(map(len, names)) > _LONG_NAME_CHARS else 2
    legend_rows = -(-len(names) // columns)
    title = t(f"usage.axis_{measure}")
    day_axis = {"labelAngle": 0, "labelBound": True, "labelOverlap": "greedy", "labelSeparation": 12}
    day_axis["title"] = t("usage.day")
    legend = {
        "orient": "bottom",
        "direction": "vertical",
        "columns": columns,
        "labelLimit": _MAX_NAME_PIXELS,
        "title": t("usage.model"),
        "symbolType": "square",
    }
    return {
        "height": _PLOT_HEIGHT + _LEGEND_ROW_HEIGHT * (legend_rows + 1),
        "mark": {"type": "bar"},
        "encoding": {
            "x": {"field": "day", "type": "ordinal", "sort": None, "axis": day_axis},
            "y": {
                "field": "value",
                "type": "quantitative",
                "stack": "zero",
                "axis": {"title": title, "format": _AXIS_FORMATS[measure]},
            },
            "color": {"field": "model", "type": "nominal", "sort": list(names), "legend": legend},
            "tooltip": [
                {"field": "day", "title": t("usage.day")},
                {"field": "model", "title": t("usage.model")},
                {"field": "value", "type": "quantitative", "title": title, "format": _VALUE_FORMATS[measure]},
            ],
        },
    }


def _measure_value(total: UsageTotal, measure: str) -> float:
    if measure == "cost":
        return total.cost / NANOS_PER_DOLLAR
    if measure == "requests":
        return float(total.request_count)
    return float((total.usage.input or 0) + (total.usage.output or 0))
