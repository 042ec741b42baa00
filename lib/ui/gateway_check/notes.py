"""Notes about a target in the panel of parameters: what the newest check of its gateway found."""

from __future__ import annotations

from collections.abc import Sequence

from lib.core.errors import StoreError
from lib.core.gateway_checks import CheckRun, newest_results
from lib.core.target import Target
from lib.ui.gateway_check.texts import probe_label, verdict_text
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import dates, t

# Probes whose failure matters to somebody who chooses a model or its parameters.
_MAX_NOTES = 5


def target_notes(target: Target) -> list[str]:
    """Return what the newest check found against a target, as Markdown, the strongest evidence first.

    Hints are left out: they are for somebody who knows how weak they are.
    """
    found = newest_results(_load_runs(), target)
    if found is None:
        return []
    date, results = found
    failures = [result for result in results if result.status == "failed" and result.verdict.strength != "hint"]
    return [
        t(
            "check.note",
            date=dates.format_date(date),
            probe=probe_label(result.probe),
            text=verdict_text(result.verdict),
        )
        for result in failures[:_MAX_NOTES]
    ]


def _load_runs() -> Sequence[CheckRun]:
    """Return the runs about this session's gateway, the newest first; none while the database is away."""
    try:
        if session_state.personal_key and session_state.user:
            runs = resources.store().gateway_checks.list_own(session_state.user.id)
            host = services.check_host(is_team=False)
            return [run for run in runs if not run.is_team and run.host == host]
        return resources.team_checks()
    except StoreError:
        return ()
