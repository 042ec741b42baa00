"""Schedule of the gateway check: one run for all processes of a team, with the prices and the rows of any other."""

from __future__ import annotations

from functools import partial

import pytest

from lib.chat.usage.limits import LimitEnforcer
from lib.config.settings import CheckSchedule, load_settings
from lib.core.errors import GatewayUnreachable, PriceUnknown, SettingError
from lib.core.target import Target
from lib.ui.server import check_schedule
from lib.ui.server.check_schedule import ScheduledChecks
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


@pytest.mark.slow
def test_a_due_check_runs_once_for_the_team(gateway):
    schedule = ScheduledChecks()
    job = schedule.start_if_due()
    assert not schedule.start_if_due()
    assert not ScheduledChecks().start_if_due()
    assert job
    assert job.wait(RUN_TIMEOUT)
    assert not schedule.start_if_due()
    (run,) = resources.store().gateway_checks.list_team()
    assert run.is_scheduled
    assert run.state == "done"
    assert run.step == run.step_count
    found = run.result_of(Target("gpt-4.1", "openai"), "stop")
    assert found
    assert found.verdict.code == "stop_ignored"
    (total,) = resources.store().usage.totals_by_user(0.0, 1e12).values()
    assert total.request_count == run.step_count


@pytest.fixture
def pauses(gateway, monkeypatch):
    """The seconds of all leases; a backoff is over at once, and the period never."""
    seconds_of_leases: list[float] = []
    checks = resources.store().gateway_checks

    def shorten(change, task, seconds):
        seconds_of_leases.append(seconds)
        return change(task, seconds if seconds > check_schedule.MAX_BACKOFF else -1.0)

    for name in ("claim", "postpone"):
        monkeypatch.setattr(checks, name, partial(shorten, getattr(checks, name)))
    return seconds_of_leases


def test_a_check_of_a_gateway_that_is_away_is_tried_again_after_a_backoff(gateway, pauses):
    schedule = ScheduledChecks()
    gateway.close()
    for _ in range(6):
        with pytest.raises(GatewayUnreachable):
            schedule.start_if_due()
    assert pauses == [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]
    assert resources.store().gateway_checks.list_team() == []


def test_a_check_without_a_budget_is_tried_again_after_a_backoff(pauses, monkeypatch):
    refusals = [PriceUnknown("gpt-4.1"), PriceUnknown("gpt-4.1")]

    def reserve(*_, **__):
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(LimitEnforcer, "reserve_all", reserve)
    schedule, jobs = ScheduledChecks(), []
    for _ in range(3):
        jobs.append(schedule.start_if_due())
        if len(jobs) == 3:
            jobs[-1].cancel()
        assert jobs[-1].wait(RUN_TIMEOUT)
    assert schedule.start_if_due() is None
    assert [job.run.state for job in jobs] == ["failed", "failed", "cancelled"]
    day = 24 * 3600.0
    assert pauses == [300.0, day, 600.0, 600.0, day, 1200.0, 1200.0, day, 300.0]


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
