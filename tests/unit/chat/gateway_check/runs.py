"""Runs of a check in memory, for tests of any gateway."""

from __future__ import annotations

from lib.chat.gateway_check.runner import CheckJob, CheckRegistry, CheckServices
from lib.core.exchanges import Exchange
from lib.core.gateway_checks import DEFAULT_PROBES, CheckRun, find_failures
from lib.core.models import Capabilities
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway.checked import CONTEXT_WINDOW
from tests.unit.chat.services import WAIT, FakeUsageStore

RUN_TIMEOUT = 10 * WAIT  # seconds; a run sends dozens of requests

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


def services_of(client: Gateway) -> CheckServices:
    stores = (RunStore(), FakeUsageStore(), ExchangeList())
    return CheckServices("ann", client, *stores, capabilities_lookup=lambda _: CAPABILITIES)


def run_of(*targets: Target, probes=DEFAULT_PROBES) -> CheckRun:
    return CheckRun("run", targets, tuple(probes), "127.0.0.1", 0.0)


def start(client: Gateway, *targets: Target, probes=DEFAULT_PROBES) -> CheckJob:
    return CheckRegistry().start(services_of(client), run_of(*targets, probes=probes))


def check(client: Gateway, *targets: Target, probes=DEFAULT_PROBES) -> CheckRun:
    job = start(client, *targets, probes=probes)
    assert job.wait(RUN_TIMEOUT)
    return job.run


def failures(run: CheckRun) -> dict[str, tuple[str, str]]:
    return {result.probe: (result.verdict.code, result.verdict.strength) for result in find_failures(run.results)}
