"""Notes about a target in the panel of parameters: what the newest check of its gateway found."""

from __future__ import annotations

from collections.abc import Sequence

from lib.core.errors import StoreError
from lib.core.gateway_checks import CheckRun, ProbeResult, find_failures, newest_results
from lib.core.target import Target
from lib.ui.gateway_check.texts import probe_label, verdict_text
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import dates, t

_MAX_NOTES, _MAX_RUNS = 3, 5


def target_notes(target: Target) -> list[str]:
    """Return what the newest check found against a target, as Markdown, the strongest evidence first."""
    date, failures = _find_failures(target)
    return [
        t(
            "check.note",
            date=dates.format_date(date),
            probe=probe_label(result.probe),
            text=verdict_text(result.verdict),
        )
        for result in failures[:_MAX_NOTES]
    ]


def picker_note(target: Target) -> str:
    """Return the number of failed probes of a target in the newest check as plain text; "" for none."""
    _, failures = _find_failures(target)
    return t("check.picker_note", count=len(failures)) if failures else ""


def _find_failures(target: Target) -> tuple[float, list[ProbeResult]]:
    """Return date and failures of the newest check; hints are for somebody who knows how weak they are."""
    date, results = newest_results(_load_runs(), target) or (0.0, [])
    return date, [result for result in find_failures(results) if result.verdict.strength != "hint"]


def _load_runs() -> Sequence[CheckRun]:
    """Return the runs about this session's gateway, the newest first; none while the database is away."""
    try:
        if session_state.personal_key and session_state.user:
            runs = resources.store().gateway_checks.list_own(session_state.user.id, _MAX_RUNS)
            host = services.check_host(is_team=False)
            return [run for run in runs if not run.is_team and run.host == host]
        return resources.team_checks()
    except StoreError:
        return ()
