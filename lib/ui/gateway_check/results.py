"""Results of a check: what speaks against the gateway, all probes of a model, and changes since an earlier check."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.gateway_checks import CheckRun, ProbeResult, compare_runs, find_failures
from lib.core.user import User
from lib.ui import inspector
from lib.ui.gateway_check import report
from lib.ui.gateway_check.source import CheckSource
from lib.ui.gateway_check.texts import (
    cost_text,
    finding_lines,
    probe_label,
    run_label,
    state_text,
    status_text,
    target_label,
    verdict_text,
)
from lib.ui.session import resources
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import table
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import shows_errors

_STATUSES = ("passed", "failed", "unsupported", "unclear")


def render(user: User, source: CheckSource, runs: Sequence[CheckRun]) -> None:
    """Render one of the saved runs."""
    st.header(t("check.runs"), anchor=False)
    runs = [run for run in runs if run.state != "running"]
    if not runs:
        st.caption(t("check.empty"))
        return
    labels = {run.id: run_label(run) for run in runs}
    # A new run is shown at once: the widget has a key of its own for each newest one.
    run_id = st.selectbox(
        t("check.run"), list(labels), format_func=lambda id_: labels[id_], key=source.key(f"run-{runs[0].id}")
    )
    run = next((each for each in runs if each.id == run_id), runs[0])
    with st.container(key=source.key("results")):
        st.caption(" · ".join((escape_markdown(state_text(run)), escape_markdown(cost_text(run.cost)))))
        _render_findings(run)
        _render_summary(run)
        _render_target(user, source, run)
        _render_comparison(source, run, [each for each in runs if each.id != run.id])
        _render_actions(user, source, run)


def _render_findings(run: CheckRun) -> None:
    """Render what speaks against the gateway, the strongest evidence first."""
    failures = find_failures(run.results)
    if not failures:
        if run.state == "done":
            st.success(t("check.no_findings"), icon=":material/check_circle:")
        return
    st.subheader(t("check.findings"), anchor=False)
    alerts = {"certain": (st.error, "error"), "likely": (st.warning, "warning"), "hint": (st.info, "lightbulb")}
    for strength, (show, icon) in alerts.items():
        lines = finding_lines([each for each in failures if each.verdict.strength == strength])
        if lines:
            show("\n\n".join((f"**{t(f'check.strength_{strength}')}**", "\n".join(lines))), icon=f":material/{icon}:")


def _render_summary(run: CheckRun) -> None:
    """Render the number of results of each kind by target."""
    st.subheader(t("check.results"), anchor=False)
    headers = [t("check.col_target"), *(t(f"check.{status}") for status in _STATUSES)]
    rows = [
        [
            escape_markdown(target_label(target)),
            *(str(sum(result.status == status for result in run.results_of(target))) for status in _STATUSES),
        ]
        for target in run.targets
    ]
    table.render(headers, rows)


def _render_target(user: User, source: CheckSource, run: CheckRun) -> None:
    """Render all results of one target."""
    targets = [target for target in run.targets if run.results_of(target)]
    if not targets:
        return
    chosen = st.selectbox(t("check.target"), targets, format_func=target_label, key=source.key(f"target-{run.id}"))
    results = run.results_of(chosen)
    table.render(
        [t(f"check.col_{name}") for name in ("probe", "result", "text")],
        [[probe_label(each.probe), status_text(each.verdict), verdict_text(each.verdict)] for each in results],
    )

    if run.author_id == user.id:  # who sent them
        _render_exchange_buttons(source, run, results)


def _render_exchange_buttons(source: CheckSource, run: CheckRun, results: Sequence[ProbeResult]) -> None:
    """Render the way to the requests of a probe, for the user who sent them."""
    recorded = {result.probe: result.exchange_ids for result in results if result.exchange_ids}
    if not recorded:
        return
    probe = st.selectbox(
        t("check.exchange"),
        list(recorded),
        index=None,
        format_func=probe_label,
        placeholder=t("check.exchange_placeholder"),
        key=source.key(f"exchange-{run.id}"),
    )
    if probe:
        with st.container(horizontal=True, gap="small", key=source.key("exchanges")):
            for number, exchange_id in enumerate(recorded[probe], 1):
                label, key = t("check.open_exchange", number=number), source.key(f"open-{number}")
                render_button(label, key, "network_node", inspector.open_exchange, exchange_id, type="secondary")


def _render_comparison(source: CheckSource, run: CheckRun, others: Sequence[CheckRun]) -> None:
    """Render what changed since another run."""
    earlier = [other for other in others if other.started_at < run.started_at]
    if not earlier:
        return
    labels = {other.id: run_label(other) for other in earlier}
    before_id = st.selectbox(
        t("check.compare"),
        list(labels),
        index=None,
        format_func=lambda id_: labels[id_],
        placeholder=t("check.compare_placeholder"),
        key=source.key(f"compare-{run.id}"),
    )
    before = next((other for other in earlier if other.id == before_id), None)
    if before is None:
        return
    if not set(before.targets) & set(run.targets):
        st.caption(t("check.nothing_in_common"))
        return
    changes = compare_runs(before, run)
    if not changes:
        st.caption(t("check.no_changes"))
        return
    rows = [
        [
            escape_markdown(target_label(change.target)),
            probe_label(change.probe),
            status_text(change.before),
            status_text(change.after),
            verdict_text(change.after) if change.after else "–",
        ]
        for change in changes
    ]
    table.render([t(f"check.col_{name}") for name in ("target", "probe", "before", "after", "text")], rows)


def _render_actions(user: User, source: CheckSource, run: CheckRun) -> None:
    name = f"gateway-check-{run.id}"
    # In the language of this run: a download has no session.
    markdown, csv, json = report.to_markdown(run), report.to_csv(run), report.to_json(run)
    with st.container(horizontal=True, gap="small", key=source.key("actions")):
        render_download(
            t("check.export_markdown"),
            source.key("markdown"),
            markdown.encode,
            f"{name}.md",
            "text/markdown",
        )
        table.render_csv_download(lambda: csv, f"{name}.csv", source.key("csv"))
        render_download(
            t("check.export_json"),
            source.key("json"),
            json.encode,
            f"{name}.json",
            "application/json",
        )
        if run.author_id == user.id:
            render_button(t("check.delete"), source.key("delete"), "delete", _delete, user, run.id)


@shows_errors
def _delete(user: User, run_id: str) -> None:
    resources.store().gateway_checks.delete(user.id, run_id)
    resources.team_checks.clear()
    st.toast(t("check.deleted"), icon=":material/check:")
