"""Timeline of a response as charts, with a table of the numbers in them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lib.chat.exchanges.timeline import Timeline
from lib.ui.text import t
from lib.ui.widgets import table

_ROW_HEIGHT, _AXIS_HEIGHT, _RATE_HEIGHT = 28, 50, 240  # pixels


def render(timeline: Timeline) -> None:
    """Render the charts of the phases and of the rate, and the table."""
    if timeline.phases:
        _render_phases(timeline)
    if len(timeline.rates) > 1:
        _render_rates(timeline)
    with st.container(key="inspector-numbers"):
        table.render((t("inspector.what"), t("inspector.at")), _milestone_rows(timeline))
        rows = _number_rows(timeline)
        if rows:
            table.render((t("inspector.number"), t("inspector.value")), rows)


def _render_phases(timeline: Timeline) -> None:
    """Render a bar for each phase, below each other, so that no label covers another one."""
    labels = {phase.name: t(f"inspector.phase_{phase.name}") for phase in timeline.phases}
    values: list[dict[str, Any]] = [
        {"phase": labels[phase.name], "start": phase.start, "end": phase.end, "length": phase.end - phase.start}
        for phase in timeline.phases
    ]
    values += [
        {"phase": t("inspector.phase_silence"), "start": gap.start, "end": gap.start + gap.length, "length": gap.length}
        for gap in timeline.gaps
    ]
    names = list(dict.fromkeys(str(value["phase"]) for value in values))
    height = _AXIS_HEIGHT + _ROW_HEIGHT * len(names)
    spec = {
        "height": height,
        "mark": {"type": "bar", "height": 14, "cornerRadius": 2, "minBandSize": 2},
        "encoding": {
            "y": {"field": "phase", "type": "nominal", "sort": names, "axis": {"title": None, "labelLimit": 180}},
            "x": _time_axis("start", max(value["end"] for value in values)),
            "x2": {"field": "end"},
            "color": {"field": "phase", "type": "nominal", "sort": names, "legend": None},
            "tooltip": [
                {"field": "phase", "title": t("inspector.what")},
                {"field": "start", "title": t("inspector.from"), "format": ".3f"},
                {"field": "length", "title": t("inspector.length"), "format": ".3f"},
            ],
        },
    }
    _render_chart(values, spec, height, "inspector-phases", t("inspector.phases_about"))


def _render_rates(timeline: Timeline) -> None:
    kinds = list(dict.fromkeys(point.kind for point in timeline.rates))
    names = {kind: t(f"inspector.kind_{kind}") for kind in kinds}
    values = [{"at": point.offset, "rate": point.rate, "kind": names[point.kind]} for point in timeline.rates]
    # The last step is as long as the others.
    end = timeline.rates[-1].offset + timeline.rate_step
    last = {value["kind"]: value for value in values}
    values += [{**value, "at": end} for value in last.values()]
    legend = {"orient": "bottom", "title": None} if len(kinds) > 1 else None
    spec = {
        "height": _RATE_HEIGHT,
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": _time_axis("at", end),
            "y": {"field": "rate", "type": "quantitative", "axis": {"title": t("inspector.rate_axis")}},
            "color": {"field": "kind", "type": "nominal", "sort": list(names.values()), "legend": legend},
            "tooltip": [
                {"field": "at", "title": t("inspector.at"), "format": ".2f"},
                {"field": "kind", "title": t("inspector.event")},
                {"field": "rate", "title": t("inspector.rate_axis"), "format": ",.0f"},
            ],
        },
    }
    _render_chart(values, spec, _RATE_HEIGHT, "inspector-rates", t("inspector.rates_about"))


def _time_axis(field: str, end: float) -> dict[str, Any]:
    """Return the axis of the time since the request, up to the end of what is shown."""
    axis = {"title": t("inspector.seconds"), "tickCount": 6, "labelFlush": True}
    scale = {"domain": [0, end], "nice": False}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}


def _render_chart(values: list[dict[str, Any]], spec: dict[str, Any], height: int, key: str, about: str) -> None:
    st.vega_lite_chart(values, spec, width="stretch", height=height, key=key, alt=about)


def _milestone_rows(timeline: Timeline) -> list[tuple[str, str]]:
    rows = [(t(f"inspector.at_{each.name}"), _seconds(each.offset)) for each in timeline.milestones]
    return rows + [
        (t("inspector.silence_from", start=f"{gap.start:.3f}"), _seconds(gap.length)) for gap in timeline.gaps
    ]


def _number_rows(timeline: Timeline) -> list[tuple[str, str]]:
    """Return the counts and rates that are known."""
    found: dict[str, str | None] = {
        "frames_count": f"{timeline.frame_count:,}" if timeline.frame_count else None,
        "text_chars": f"{timeline.text_chars:,}" if timeline.text_chars else None,
        "thinking_chars": f"{timeline.thinking_chars:,}" if timeline.thinking_chars else None,
        "output_tokens": f"{timeline.output_tokens:,}" if timeline.output_tokens else None,
        "rate": f"{timeline.rate:,.0f}" if timeline.rate else None,
        "token_rate": f"{timeline.token_rate:,.1f}" if timeline.token_rate else None,
    }
    return [(t(f"inspector.{name}"), value) for name, value in found.items() if value]


def _seconds(value: float) -> str:
    return t("inspector.in_seconds", seconds=f"{value:.3f}")
