"""Texts about checks: probes, verdicts and runs."""

from __future__ import annotations

from collections.abc import Sequence

from lib.core.gateway_checks import CheckRun, ProbeResult, Verdict
from lib.core.target import Target
from lib.ui.text import dates, escape_markdown, has_message, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets.errors import code_message

_ICONS = {"passed": "✓", "failed": "✗", "unsupported": "–", "unclear": "?"}


def probe_label(probe: str) -> str:
    """Return the name of a probe; that of another version is its own."""
    key = f"check_probe.{probe}"
    return t(key) if has_message(key) else probe


def verdict_text(verdict: Verdict, *, is_markdown: bool = True) -> str:
    """Return the sentence of a verdict, as Markdown on one line or as plain text."""
    key = f"check_result.{verdict.code}"
    if not has_message(key):
        return verdict.code
    values = dict(verdict.values)
    if "error" in values:
        values["error"] = code_message(str(values["error"]))
    if is_markdown:
        values = {name: escape_markdown(value) if isinstance(value, str) else value for name, value in values.items()}
    try:
        return " ".join(t(key, **values).split())
    except (KeyError, ValueError):  # values of another version
        return verdict.code


def status_text(verdict: Verdict | None) -> str:
    """Return the status with its sign."""
    return f"{_ICONS[verdict.status]} {t(f'check.{verdict.status}')}" if verdict else "–"


def target_label(target: Target) -> str:
    """Return a target as plain text."""
    return f"{target.model} · {t(f'wire.{target.wire}')}"


def finding_lines(failures: Sequence[ProbeResult]) -> list[str]:
    """Return a list of failures in Markdown; targets with the same one share an item."""
    wires_by_text: dict[str, dict[str, list[str]]] = {}
    for result in failures:
        text = f"**{probe_label(result.probe)}**: {verdict_text(result.verdict)}"
        wires = wires_by_text.setdefault(text, {}).setdefault(result.target.model, [])
        wires.append(t(f"wire.{result.target.wire}"))
    separator = t("list.separator")
    return [
        f"- {text}  \n  :small[{separator.join(_models_text(model, wires) for model, wires in models.items())}]"
        for text, models in wires_by_text.items()
    ]


def _models_text(model: str, wires: Sequence[str]) -> str:
    return f"{escape_markdown(model)} ({t('list.separator').join(wires)})"


def state_text(run: CheckRun) -> str:
    """Return the state of a run as plain text."""
    if run.state == "failed":
        return t("check.state_failed", reason=code_message(run.error_code))
    return t(f"check.state_{run.state}")


def run_label(run: CheckRun) -> str:
    """Return date, host and models of a run as plain text."""
    models = t("list.separator").join(dict.fromkeys(target.model for target in run.targets))
    label = t("check.run_label", date=dates.format_time(run.started_at), host=run.host, models=models)
    return f"{label} · {t('check.scheduled')}" if run.is_scheduled else label


def cost_text(cost: int | None) -> str:
    """Return the cost of a run as plain text."""
    return t("cost.unknown") if cost is None else t("check.cost", money=format_dollars(cost))
