"""Runs of checks: saved as they go, one at a time for each owner, those of the team for its administrators."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.gateway_checks import MAX_RUNS, CheckInProgress, CheckRun, ProbeResult, Verdict
from lib.core.target import Target
from lib.storage import gateway_checks
from lib.storage.store import Store

GPT, CLAUDE = Target("gpt-x", "openai"), Target("claude-x", "anthropic")
RUN = CheckRun("run", (GPT, CLAUDE), ("usage", "tokens"), "gateway.example", 100.0, estimated_cost=7, step_count=3)
RESULT = ProbeResult(CLAUDE, "tokens", Verdict("failed", "tokens_inflated", {"percent": 20}, "likely"), ("e1", "e2"))


def test_a_run_is_read_as_it_was_saved_last(store):
    store.gateway_checks.start("ann", RUN)
    finished = replace(RUN, state="done", results=(RESULT,), finished_at=200.0, cost=5, step=3)
    store.gateway_checks.save("ann", finished)
    assert store.gateway_checks.list_own("ann") == [replace(finished, author_id="ann")]
    assert store.gateway_checks.list_own("bob") == []


def test_an_owner_has_one_running_check_in_all_processes(store, url):
    store.gateway_checks.start("ann", RUN)
    other = Store(url)
    with pytest.raises(CheckInProgress):
        other.gateway_checks.start("ann", replace(RUN, id="second"))
    other.gateway_checks.start("bob", replace(RUN, id="bobs"))
    store.gateway_checks.save("ann", replace(RUN, state="cancelled"))
    other.gateway_checks.start("ann", replace(RUN, id="second", started_at=101.0))
    assert [run.id for run in store.gateway_checks.list_own("ann")] == ["second", "run"]
    other.close()


def test_a_run_whose_process_is_gone_blocks_no_other_one(store, monkeypatch):
    store.gateway_checks.start("ann", RUN)
    monkeypatch.setattr(gateway_checks, "STALE_AFTER", -1.0)
    assert [run.state for run in store.gateway_checks.list_own("ann")] == ["interrupted"]
    store.gateway_checks.start("ann", replace(RUN, id="second"))


def test_runs_of_the_team_are_apart_from_those_of_personal_keys(store):
    store.gateway_checks.start("ann", replace(RUN, state="done", is_team=True))
    store.gateway_checks.start("bob", replace(RUN, id="bobs", state="done"))
    assert [(run.id, run.author_id) for run in store.gateway_checks.list_team()] == [("run", "ann")]


def test_the_oldest_runs_make_room(store, monkeypatch):
    monkeypatch.setattr(gateway_checks, "MAX_RUNS", 2)
    for number in range(4):
        store.gateway_checks.start("ann", replace(RUN, id=f"run-{number}", state="done", started_at=float(number)))
    assert MAX_RUNS > 2
    assert [run.id for run in store.gateway_checks.list_own("ann")] == ["run-3", "run-2"]


def test_a_deleted_run_does_not_come_back(store):
    store.gateway_checks.start("ann", RUN)
    store.gateway_checks.delete("ann", RUN.id)
    store.gateway_checks.save("ann", replace(RUN, step=2))
    assert store.gateway_checks.list_own("ann") == []


def test_one_process_has_the_task_of_the_schedule(store, url):
    other = Store(url)
    assert store.gateway_checks.claim("gateway_check", 60.0)
    assert not other.gateway_checks.claim("gateway_check", 60.0)
    assert other.gateway_checks.claim("another", -1.0)
    assert store.gateway_checks.claim("another", 60.0)
    store.gateway_checks.postpone("another", -1.0)
    assert not other.gateway_checks.claim("gateway_check", 60.0)
    assert other.gateway_checks.claim("another", 60.0)
    other.close()
