"""Schedule of the gateway check: one run for all processes of a team, with the prices and the rows of any other."""

from __future__ import annotations

import pytest

from lib.config.settings import CheckSchedule, load_settings
from lib.core.errors import SettingError
from lib.core.target import Target
from lib.ui.server import check_schedule
from lib.ui.session import resources
from tests.app.conftest import KEY
from tests.fake_gateway.checked import CheckedGateway
from tests.unit.chat.gateway_check.runs import RUN_TIMEOUT

MODELS = {"ANTLER_CHECK_SCHEDULE": "24", "ANTLER_CHECK_MODELS": "gpt-4.1@openai, claude-sonnet-4-5"}


@pytest.fixture
def gateway(database_url, monkeypatch):
    with CheckedGateway("ignores stop") as running:
        values = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": running.url, "DATABASE_URL": database_url}
        settings = load_settings({**values, **MODELS}, {})
        monkeypatch.setattr(resources, "settings", lambda: settings)
        for cached in (resources.store, resources.connection_at, resources.gateway_checks):
            cached.clear()
        yield running
        for cached in (resources.store, resources.connection_at, resources.gateway_checks):
            cached.clear()


def test_a_due_check_runs_once_for_the_team(gateway):
    assert check_schedule.run_if_due()
    assert not check_schedule.run_if_due()
    job = resources.gateway_checks().find(check_schedule.SCHEDULE_USER.id)
    assert job is None or job.wait(RUN_TIMEOUT)
    (run,) = resources.store().gateway_checks.list_team()
    assert run.is_scheduled
    assert run.state == "done"
    assert run.step == run.step_count
    found = run.result_of(Target("gpt-4.1", "openai"), "stop")
    assert found
    assert found.verdict.code == "stop_ignored"
    (total,) = resources.store().usage.totals_by_user(0.0, 1e12).values()
    assert total.request_count == run.step_count


def test_a_model_without_a_format_is_checked_over_both():
    schedule = load_settings(MODELS, {}).check_schedule
    assert check_schedule.list_targets(schedule) == (
        Target("gpt-4.1", "openai"),
        Target("claude-sonnet-4-5", "openai"),
        Target("claude-sonnet-4-5", "anthropic"),
    )


def test_a_schedule_needs_models():
    assert load_settings({}, {}).check_schedule == CheckSchedule()
    with pytest.raises(SettingError, match="check_models must list"):
        load_settings({"ANTLER_CHECK_SCHEDULE": "24"}, {})
