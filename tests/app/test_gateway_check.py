"""Gateway check on the pages: its price before, its progress, its findings after, and what models say because of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lib.chat.connection import connect_with_key
from lib.core.conversation import new_id
from lib.core.gateway_checks import CheckRun, ProbeResult, Verdict
from lib.core.policy import PER_USER_SCOPE, Limit, Limits
from lib.core.target import Target
from lib.core.user import User
from lib.ui.gateway_check import report
from lib.ui.session import resources
from tests.app.conftest import KEY
from tests.app.model_select import button_data
from tests.app.users import ADMIN, BOB, Enter, id_of, page_text
from tests.fake_gateway.checked import CheckedGateway
from tests.unit.chat.gateway_check.runs import RUN_TIMEOUT

GPT, CLAUDE = Target("gpt-4.1", "openai"), Target("claude-sonnet-4-5", "anthropic")
TAB = {"open_tabs": {"admin": "gateway_check"}}
INFLATED = Verdict("failed", "tokens_inflated", {"percent": 20, "words": 400, "tokens": 480})
HINT = Verdict("failed", "foreign_id", {"id": "gen_<1>"}, "hint")


@pytest.fixture(scope="module")
def gateway() -> Iterator[CheckedGateway]:
    with CheckedGateway() as running:
        yield running


@pytest.fixture
def admin(enter: Enter, gateway: CheckedGateway, monkeypatch) -> Callable[..., AppTest]:
    """Open the section of an administrator whose gateway is the fake one."""
    monkeypatch.setenv("DEERAPI_API_KEY", KEY)
    monkeypatch.setenv("DEERAPI_BASE_URL", gateway.url)
    gateway.lie()
    return lambda name=ADMIN, page="admin", **session: enter(page, name, **{**TAB, **session})


def choose(at: AppTest, *probes: str) -> AppTest:
    at.multiselect(key="check-team-models").set_value(["gpt-4.1"])
    at.button_group(key="check-team-wires").set_value(["openai"])
    at.button_group(key="check-team-probes").set_value(list(probes))
    return at.run()


def start(at: AppTest) -> AppTest:
    at.button(key="check-team-start").click().run()
    job = resources.gateway_checks().find(id_of(ADMIN))
    assert job is None or job.wait(RUN_TIMEOUT)
    return at.run()


def save_run(owner: str = ADMIN, *results: ProbeResult, **changes: object) -> CheckRun:
    values = {"is_team": True, "state": "done", "finished_at": 1_700_000_000.0, **changes}
    base = CheckRun(new_id(), (GPT, CLAUDE), ("tokens",), "gateway.example", 1_700_000_000.0, results=results)
    run = replace(base, **values)
    resources.store().gateway_checks.start(id_of(owner), run)
    return run


def test_a_check_shows_its_price_runs_and_names_what_it_found(admin, gateway):
    gateway.lie("inflates usage", "ignores stop")
    at = choose(admin(), "tokens", "stop")
    assert "6 requests, at most **$" in page_text(at)
    at = start(at)
    text = page_text(at)
    assert "Prompt tokens are billed 20 % too high: 400 more of the same word cost 480 tokens." in text
    assert "The stop sequence “city” is in the answer." in text
    assert [alert.value.partition("\n")[0] for alert in at.error] == ["**Certain: nothing else explains this**"]
    (run,) = resources.store().gateway_checks.list_team()
    assert (run.state, run.step, run.step_count, run.author_id) == ("done", 6, 6, id_of(ADMIN))
    assert run.cost
    assert run.estimated_cost
    assert run.cost <= run.estimated_cost
    (day,) = resources.store().usage.totals_by_user(0.0, 1e12).values()
    assert day.request_count == 6
    assert day.cost == run.cost
    summaries = resources.store().exchanges.recent(id_of(ADMIN), 20, purpose="probe")
    assert {summary.id for summary in summaries} == {each for result in run.results for each in result.exchange_ids}


def test_a_request_of_a_check_opens_in_the_inspector(admin):
    at = start(choose(admin(), "usage"))
    at.selectbox[-1].set_value("usage").run()
    at.button(key="check-team-open-1").click().run()
    assert not at.exception
    assert resources.store().exchanges.recent(id_of(ADMIN), 20)
    assert at.session_state["inspection"].exchange_id


def test_the_limits_end_a_check_with_their_reason(admin):
    at = choose(admin(), "usage")
    limits = Limits(requests_minute=Limit(hard=0))
    resources.store().policy.set_limits(User(id_of(ADMIN)), PER_USER_SCOPE, limits)
    at = start(at)
    assert "Ended early" in page_text(at)
    (run,) = resources.store().gateway_checks.list_team()
    assert (run.state, run.error_code) == ("failed", "over_limit")


def test_a_former_administrator_starts_no_check_of_the_team(admin, gateway, monkeypatch):
    at = choose(admin(), "usage")
    monkeypatch.setenv("ANTLER_ADMINS", BOB)
    resources.settings.clear()
    at = start(at)
    assert resources.store().gateway_checks.list_team() == []
    assert not at.multiselect


def test_notes_follow_from_the_newest_check_for_all_users(admin, monkeypatch):
    at = admin(BOB, "chat")
    save_run(ADMIN, ProbeResult(GPT, "tokens", INFLATED), ProbeResult(CLAUDE, "model", HINT))
    resources.team_checks.clear()
    at.query_params["model"], at.query_params["wire"] = "gpt-4.1", "openai"
    at.run()
    (note,) = [caption.value for caption in at.caption if "Gateway check of Nov 14, 2023" in caption.value]
    assert "Billed prompt tokens. Prompt tokens are billed 20 % too high" in note
    assert button_data(at)["note"] == "1 failed check"
    at.query_params["model"], at.query_params["wire"] = "claude-sonnet-4-5", "anthropic"
    at.run()
    assert not [caption for caption in at.caption if "Gateway check of" in caption.value]
    assert button_data(at)["note"] == ""


def test_runs_are_compared_and_deleted_by_their_author(admin):
    at = admin()
    fits = Verdict("passed", "tokens_fit", {"words": 400, "tokens": 400})
    save_run(BOB, ProbeResult(GPT, "tokens", fits))
    newest = save_run(ADMIN, ProbeResult(GPT, "tokens", INFLATED), started_at=1_800_000_000.0)
    at.run()
    compare = next(box for box in at.selectbox if box.label == "Compare with")
    compare.select_index(0).run()
    assert "| gpt-4.1 · OpenAI format | Billed prompt tokens | ✓ Passed | ✗ Failed |" in page_text(at)
    at.button(key="check-team-delete").click().run()
    assert newest.id not in [run.id for run in resources.store().gateway_checks.list_team()]
    assert not [button for button in at.button if button.key == "check-team-delete"]


def test_a_report_has_the_evidence_and_escapes_what_the_gateway_said(admin):
    admin()
    run = save_run(ADMIN, ProbeResult(GPT, "tokens", INFLATED), ProbeResult(CLAUDE, "model", HINT, ("e1",)))
    markdown, document = report.to_markdown(run), json.loads(report.to_json(run))
    assert "# Gateway check of gateway" in markdown
    assert "gen\\_\\<1\\>" in markdown
    assert "Prompt tokens are billed 20 % too high" in report.to_csv(run)
    assert [each["strength"] for each in document["results"]] == ["certain", "hint"]
    assert document["results"][1]["exchanges"] == ["e1"]
    assert "The response has the id “gen_<1>”" in document["results"][1]["text"]


def test_a_report_is_in_the_language_of_the_screen(admin, monkeypatch):
    written = {}
    monkeypatch.setattr(st, "download_button", lambda _, write, name, *__, **___: written.update({name: write}))
    at = admin()
    run = save_run(ADMIN, ProbeResult(GPT, "tokens", INFLATED, ("-an-id",)))
    at.session_state["language"] = "zh"
    at.run()
    for extension in ("md", "csv", "json"):
        text = written[f"gateway-check-{run.id}.{extension}"]().decode()
        assert "输入 token 多计了 20%" in text
    assert "'-an-id" in written[f"gateway-check-{run.id}.csv"]().decode()


def test_a_personal_key_has_checks_of_its_own(admin, gateway, monkeypatch):
    monkeypatch.setenv("ANTLER_OWN_KEY", "on")
    gateway.lie("no usage")
    at = admin(BOB, "settings", open_tabs={"settings": "gateway"})
    assert "Gateway check" not in [header.value for header in at.header]
    personal = connect_with_key(resources.settings(), f"{KEY}-bob", gateway.url, resources.model_facts())
    at.session_state["personal_key"] = personal
    at.run()
    at.multiselect(key="check-own-models").set_value(["gpt-4.1"])
    at.button_group(key="check-own-probes").set_value(["usage"])
    at.run()
    at.button(key="check-own-start").click().run()
    job = resources.gateway_checks().find(id_of(BOB))
    assert job is None or job.wait(RUN_TIMEOUT)
    at.run()
    assert "The stream names no tokens, though they were asked for." in page_text(at)
    (run,) = resources.store().gateway_checks.list_own(id_of(BOB))
    assert (run.is_team, len(run.targets), run.state) == (False, 2, "done")
    assert resources.store().gateway_checks.list_team() == []
    (record,) = resources.store().usage.totals_by_user(0.0, 1e12)
    assert record == id_of(BOB)
    assert resources.store().usage.total().request_count == 0  # of the team's key
