"""Panel of the gateway check, of the team's gateway for administrators and of the gateway of a personal key."""

from __future__ import annotations

import streamlit as st

from lib.core.gateway_checks import CheckRun
from lib.core.user import User
from lib.ui.gateway_check import form, results
from lib.ui.gateway_check.source import PERSONAL, TEAM, CheckSource
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

POLL_INTERVAL = 1.0  # seconds


def render_team(user: User) -> None:
    """Render the check of the team's gateway, for an administrator. Raises StoreError."""
    _render(user, TEAM)


def render_personal(user: User) -> None:
    """Render the check of the gateway of the personal key; nothing without one. Raises StoreError."""
    if session_state.personal_key:
        st.header(t("admin.gateway_check"), anchor=False)
        _render(user, PERSONAL)


def _render(user: User, source: CheckSource) -> None:
    with st.container(key=source.key("panel")):
        st.markdown(t("check.about"))
        runs = source.list_runs(user)
        job = source.find_job(user)
        running = job.run if job else next((run for run in runs if _is_own_and_running(run, user)), None)
        if running:
            _render_progress(user, source, running.id)
        else:
            form.render(user, source)
        results.render(user, source, runs)


def _is_own_and_running(run: CheckRun, user: User) -> bool:
    return run.state == "running" and run.author_id == user.id


@st.fragment(run_every=POLL_INTERVAL)
def _render_progress(user: User, source: CheckSource, run_id: str) -> None:
    """Render the progress of a run, and the button that cancels it; polls for its end."""
    job = source.find_job(user)
    run = job.run if job else next((run for run in source.list_runs(user) if run.id == run_id), None)
    if run is None or run.state != "running":
        resources.team_checks.clear()
        st.rerun()
    index = min(len({result.target for result in run.results}), len(run.targets)) or 1
    with st.container(key=source.key("progress")):
        text = t("check.progress", step=min(run.step + 1, run.step_count), steps=run.step_count)
        model = escape_markdown(run.targets[index - 1].model)
        st.progress(min(1.0, run.step / max(1, run.step_count)), f"{t('check.running', model=model)}. {text}")
        st.caption(f"{_counts_text(run)} {t('check.stays' if job else 'check.elsewhere')}")
        render_button(t("check.cancel"), source.key("cancel"), "close", _cancel, user, source, run_id, type="secondary")


def _counts_text(run: CheckRun) -> str:
    counts = {status: sum(result.status == status for result in run.results) for status in ("passed", "failed")}
    return t("check.so_far", **counts)


@shows_errors
def _cancel(user: User, source: CheckSource, run_id: str) -> None:
    """End a run, also one of another process, which ends once its row is gone; a callback."""
    if job := source.find_job(user):
        job.cancel()
        job.wait(POLL_INTERVAL)
    else:
        resources.store().gateway_checks.delete(user.id, run_id)
