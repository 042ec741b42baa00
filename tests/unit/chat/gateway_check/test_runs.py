"""Checks of gateways that lie: each lie is named. An honest gateway of either wire is accused of nothing."""

from __future__ import annotations

import pytest

from lib.chat.gateway_check.runner import CheckRegistry, CheckServices
from lib.config.settings import Settings
from lib.core.exchanges import Exchange
from lib.core.gateway_checks import DEFAULT_PROBES, PROBES, CheckRun, find_failures
from lib.core.models import Capabilities
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway.checked import CONTEXT_WINDOW, CheckedGateway, Lie
from tests.unit.chat.services import WAIT, FakeUsageStore

GPT, CLAUDE = Target("gpt-4.1", "openai"), Target("claude-sonnet-4-5", "anthropic")
GPT_AS_MESSAGES, CLAUDE_AS_CHAT = Target("gpt-4.1", "anthropic"), Target("claude-sonnet-4-5", "openai")
CAPABILITIES = Capabilities(
    CONTEXT_WINDOW, image=True, pdf=True, thinking=True, tools=True, knowledge="2025-03", vendor=""
)


class RunStore:
    """Runs in memory: the newest state of each."""

    def __init__(self) -> None:
        self.saved: list[CheckRun] = []

    def start(self, owner: str, run: CheckRun) -> None:
        self.saved.append(run)

    def save(self, owner: str, run: CheckRun) -> bool:
        self.saved.append(run)
        return True


class ExchangeList:
    """Exchanges in memory."""

    def __init__(self) -> None:
        self.saved: list[Exchange] = []

    def save(self, owner: str, exchange: Exchange) -> None:
        self.saved.append(exchange)


@pytest.fixture(scope="module")
def gateway():
    with CheckedGateway() as running:
        yield running


@pytest.fixture
def client(gateway):
    client = Gateway(Settings(api_key="sk-test", base_url=gateway.url))
    yield client
    client.close()


def check(client: Gateway, *targets: Target, probes=DEFAULT_PROBES) -> CheckRun:
    services = CheckServices(
        "ann", client, RunStore(), FakeUsageStore(), ExchangeList(), capabilities_lookup=lambda _: CAPABILITIES
    )
    run = CheckRun("run", targets, tuple(probes), "127.0.0.1", 0.0)
    job = CheckRegistry().start(services, run)
    assert job.wait(WAIT)
    return job.run


def failures(run: CheckRun) -> dict[str, tuple[str, str]]:
    return {result.probe: (result.verdict.code, result.verdict.strength) for result in find_failures(run.results)}


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
    ("burst", CLAUDE, "streaming", {"streaming": ("burst", LIKELY)}),
    ("no usage", GPT, "usage", {"usage": ("no_usage", CERTAIN)}),
    ("no usage", CLAUDE, "usage", {"usage": ("no_usage", CERTAIN)}),
    ("drops thinking", CLAUDE_AS_CHAT, "thinking", {"thinking": ("thinking_dropped", CERTAIN)}),
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
