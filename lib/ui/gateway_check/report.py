"""Reports of a check for the gateway's support: Markdown, CSV and JSON, without any key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lib.chat.usage import csv_export
from lib.core.gateway_checks import STRENGTHS, CheckRun, ProbeResult, find_failures
from lib.ui.gateway_check.texts import (
    finding_lines,
    probe_label,
    run_label,
    state_text,
    status_text,
    target_label,
    verdict_text,
)
from lib.ui.text import dates, escape_markdown, t

_CSV_COLUMNS = ("model", "wire", "check", "status", "strength", "reason", "text", "values", "exchanges")


def to_markdown(run: CheckRun) -> str:
    """Return the report as a document in the language of the screen."""
    title = t("check.report_title", host=escape_markdown(run.host), date=dates.format_time(run.started_at))
    lines = [f"# {title}", "", escape_markdown(state_text(run)), ""]
    failures = find_failures(run.results)
    for strength in STRENGTHS:
        if found := finding_lines([each for each in failures if each.verdict.strength == strength]):
            lines += [f"## {t('check.findings')}. {t(f'check.strength_{strength}')}", "", *found, ""]
    for target in run.targets:
        lines += [f"## {escape_markdown(target_label(target))}", "", *_table_lines(run.results_of(target)), ""]
    return "\n".join(lines)


def _table_lines(results: list[ProbeResult]) -> Iterator[str]:
    headers = [t(f"check.col_{name}") for name in ("probe", "result", "text")]
    yield f"| {' | '.join(headers)} |"
    yield "| --- | --- | --- |"
    for result in results:
        cells = (probe_label(result.probe), status_text(result.verdict), verdict_text(result.verdict))
        yield f"| {' | '.join(cells)} |"


def to_csv(run: CheckRun) -> str:
    """Return a line for each result; names and values are those of the JSON."""
    return csv_export.to_csv(_CSV_COLUMNS, map(_csv_row, run.results))


def _csv_row(result: ProbeResult) -> tuple[object, ...]:
    verdict = result.verdict
    return (
        csv_export.escape_formula(result.target.model),
        result.target.wire,
        result.probe,
        verdict.status,
        verdict.strength if verdict.status == "failed" else "",
        verdict.code,
        csv_export.escape_formula(verdict_text(verdict, is_markdown=False)),
        csv_export.escape_formula(json.dumps(dict(verdict.values), ensure_ascii=False)),
        csv_export.escape_formula(" ".join(result.exchange_ids)),  # an id may begin with a minus
    )


def to_json(run: CheckRun) -> str:
    """Return the run as JSON, with the sentences of the screen."""
    document: dict[str, Any] = {
        "title": run_label(run),
        "id": run.id,
        "host": run.host,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "state": run.state,
        "cost_nano_usd": run.cost,
        "results": [_to_object(result) for result in run.results],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _to_object(result: ProbeResult) -> dict[str, Any]:
    verdict = result.verdict
    strength = {"strength": verdict.strength} if verdict.status == "failed" else {}
    return {
        "model": result.target.model,
        "wire": result.target.wire,
        "check": result.probe,
        "status": verdict.status,
        **strength,
        "reason": verdict.code,
        "values": dict(verdict.values),
        "text": verdict_text(verdict, is_markdown=False),
        "exchanges": list(result.exchange_ids),
    }
