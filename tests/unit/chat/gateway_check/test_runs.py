"""Checks of gateways that lie: each lie is named. An honest gateway of either wire is accused of nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lib.chat.gateway_check.runner import CheckJob, CheckRegistry
from lib.chat.refused_params import SessionMemory
from lib.config.settings import Settings
from lib.core.gateway_checks import PROBES, CheckInProgress, CheckRun
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway.checked import CheckedGateway, Lie
from tests.support.replay import JSON, Canned, Replay
from tests.unit.chat.gateway_check.runs import RUN_TIMEOUT, ExchangeList, check, failures, run_of, services_of, start
from tests.unit.chat.services import wait_until

KEY = "sk-9f3b7c1d5e8a2046bb7e"

GPT, CLAUDE = Target("gpt-4.1", "openai"), Target("claude-sonnet-4-5", "anthropic")
GPT_AS_MESSAGES, CLAUDE_AS_CHAT = Target("gpt-4.1", "anthropic"), Target("claude-sonnet-4-5", "openai")


@pytest.fixture(scope="module")
def gateway():
    with CheckedGateway() as running:
        yield running


@pytest.fixture
def client(gateway):
    client = Gateway(Settings(api_key="sk-test", base_url=gateway.url))
    yield client
    client.close()


def wait_for_step(job: CheckJob) -> None:
    wait_until(lambda: job.run.step > 0 or not job.is_running)


def statuses(run: CheckRun, target: Target) -> dict[str, str]:
    return {result.probe: result.status for result in run.results_of(target)}


@pytest.mark.parametrize("target", [GPT, CLAUDE, GPT_AS_MESSAGES, CLAUDE_AS_CHAT], ids=str)
def test_an_honest_gateway_is_accused_of_nothing(gateway, client, target):
    gateway.lie()
    run = check(client, target, probes=PROBES)
    assert run.state == "done"
    assert failures(run) == {}
    found = statuses(run, target)
    assert set(found) == set(PROBES)
    names = ("usage", "model", "tokens", "output_tokens", "knowledge", "max_tokens", "stop", "image", "pdf", "tools")
    assert {found[name] for name in (*names, "context")} == {"passed"}


CERTAIN, LIKELY, HINT = "certain", "likely", "hint"
# What is said of each lie, by target: the code of the verdict and the strength of its evidence.
LIES: list[tuple[Lie, Target, str, dict[str, tuple[str, str]]]] = [
    ("inflates usage", GPT, "tokens", {"tokens": ("tokens_inflated", CERTAIN)}),
    ("inflates usage", CLAUDE, "tokens", {"tokens": ("tokens_inflated", CERTAIN)}),
    ("inflates answers", GPT, "output_tokens", {"output_tokens": ("output_inflated", CERTAIN)}),
    ("inflates answers", CLAUDE, "output_tokens", {"output_tokens": ("output_inflated", CERTAIN)}),
    ("inflates usage", CLAUDE, "token_count", {"token_count": ("count_differs", LIKELY)}),
    ("adds a prompt", GPT, "tokens", {"tokens": ("tokens_added", LIKELY)}),
    ("names another model", GPT, "model", {"model": ("other_vendor", CERTAIN)}),
    ("names another model", CLAUDE, "model", {"model": ("other_vendor", CERTAIN)}),
    ("halves context", GPT, "context", {"context": ("context_cut", CERTAIN)}),
    ("halves context", CLAUDE, "context", {"context": ("context_cut", CERTAIN)}),
    ("burst", GPT, "streaming", {"streaming": ("burst", LIKELY)}),
    ("no usage", GPT, "usage", {"usage": ("no_usage", CERTAIN)}),
    ("no usage", CLAUDE, "usage", {"usage": ("no_usage", CERTAIN)}),
    ("drops thinking", CLAUDE_AS_CHAT, "thinking", {"thinking": ("thinking_dropped", LIKELY)}),
    ("drops thinking", CLAUDE, "thinking", {"thinking": ("thinking_missing", LIKELY)}),
    ("ignores stop", GPT, "stop", {"stop": ("stop_ignored", CERTAIN)}),
    ("ignores stop", CLAUDE, "stop", {"stop": ("stop_ignored", CERTAIN)}),
    ("ignores max_tokens", GPT, "max_tokens", {"max_tokens": ("limit_ignored", CERTAIN)}),
    ("ignores max_tokens", CLAUDE, "max_tokens", {"max_tokens": ("limit_ignored", CERTAIN)}),
]


@pytest.mark.parametrize(
    ("lie", "target", "probe", "named"), LIES, ids=[f"{lie}, {target.wire}" for lie, target, *_ in LIES]
)
def test_each_lie_is_named(gateway, client, lie, target, probe, named):
    gateway.lie(lie)
    assert failures(check(client, target, probes=[probe])) == named


def test_another_model_behind_the_name_is_named_by_its_tokenizer_its_signature_and_its_words(gateway, client):
    gateway.lie("other model")
    probes = ("model", "tokens", "tokenizer", "knowledge", "thinking")
    assert failures(check(client, GPT, probes=probes)) == {
        "tokenizer": ("other_tokenizer", LIKELY),
        "knowledge": ("other_maker", HINT),
    }
    assert failures(check(client, CLAUDE, probes=probes)) == {
        "thinking": ("thinking_unsigned", LIKELY),
        "model": ("foreign_id", HINT),
        "knowledge": ("other_maker", HINT),
    }


def test_an_inflation_is_stated_in_percent(gateway, client):
    gateway.lie("inflates usage")
    run = check(client, GPT, probes=["tokens", "tokenizer"])
    values = {result.probe: result.verdict.values for result in run.results}
    assert values["tokens"]["percent"] == 20
    assert statuses(run, GPT)["tokenizer"] == "passed"  # of the counts without the inflation


def test_a_cancelled_run_ends_at_once_and_keeps_what_it_found(gateway, client):
    gateway.lie("burst")
    job = start(client, GPT, probes=["usage", "speed"])
    wait_for_step(job)
    job.cancel()
    assert job.wait(RUN_TIMEOUT)
    assert job.run.state == "cancelled"
    assert job.run.step < 3
    assert [result.probe for result in job.run.results] == ["usage"]


def test_an_owner_has_one_run_at_a_time(gateway, client):
    gateway.lie("burst")
    registry, services = CheckRegistry(), services_of(client)
    job = registry.start(services, run_of(GPT, probes=["usage"]))
    with pytest.raises(CheckInProgress):
        registry.start(services, run_of(GPT, probes=["usage"]))
    registry.stop("bob")
    assert registry.find("ann") is job
    registry.stop("ann")
    assert registry.find("ann") is None


def test_a_rejected_key_ends_a_run_and_is_in_nothing_that_is_kept():
    with Replay() as server:
        body = json.dumps({"error": {"message": f"The key {KEY} is not known.", "type": "invalid_request_error"}})
        for path in ("/v1/chat/completions", "/v1/messages"):
            server.serve(path, Canned(body.encode(), 401, JSON))
        client = Gateway(Settings(api_key=KEY, base_url=server.url))
        services = replace(services_of(client), max_recorded_bytes=100_000)
        job = CheckRegistry().start(services, run_of(GPT, CLAUDE))
        assert job.wait(RUN_TIMEOUT)
        client.close()
    assert (job.run.state, job.run.error_code) == ("failed", "key_refused")
    assert isinstance(services.exchanges, ExchangeList)
    assert services.exchanges.saved
    kept = (job.run, services.exchanges.saved)
    assert KEY not in repr(kept)


def test_what_a_model_refuses_is_evidence_and_neither_left_out_nor_learnt():
    memory = SessionMemory()
    with Replay() as server:
        error = {"error": {"message": "Unsupported parameter: 'n' is not supported.", "param": "n"}}
        server.serve("/v1/chat/completions", Canned(json.dumps(error).encode(), 400, JSON))
        client = Gateway(Settings(api_key=KEY, base_url=server.url), refused_params=memory)
        run = check(client, GPT, probes=["n"])
        client.close()
        assert [request.json["n"] for request in server.requests] == [2]
    assert [result.verdict.code for result in run.results] == ["refused"]
    assert memory.find(GPT) == []
