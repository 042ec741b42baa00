"""Fixtures: two upstreams on loopback, LiteLLM's proxy in front of them, and our client in front of that."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from lib.core.target import WIRES
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.real.proxy import KEY, Proxy, client, mock, settings, upstream
from tests.real.routes import REPLAYED
from tests.support.replay import Replay

MOCKED = "Grüße, 你好 🦌"
# The demo models that tests ask for.
ASKED = (
    "demo-tour",
    "demo-thinker",
    "demo-breaks",
    "demo-endless",
    "demo-busy",
    "demo-badgateway",
    "demo-errors",
    "demo-silent",
)
_LOG_SHOWN = 8_000


@pytest.fixture(scope="session")
def model() -> Iterator[FakeGateway]:
    """The demo gateway as the maker of models: over both wires, each at a pace that a test can wait for."""
    running = FakeGateway(pace=5)
    yield running
    running.close()


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """A model of either wire that answers as a test tells it to."""
    with Replay() as server:
        yield server


@pytest.fixture(scope="session")
def entries(model: FakeGateway, replay: Replay) -> list[dict[str, Any]]:
    """The proxy's list of models: some of the demo's over either wire, the replayed ones, a mocked one."""
    return [
        *(upstream(f"{wire}-{name}", name, wire, model.url) for wire in WIRES for name in ASKED),
        *(upstream(REPLAYED[wire], "replayed", wire, replay.url) for wire in WIRES),
        mock("mocked", MOCKED),
    ]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]]) -> Iterator[Proxy]:
    """The proxy, started once; at the end, that it asked for nothing but these upstreams."""
    with Replay() as outside:
        running = Proxy(tmp_path_factory.mktemp("litellm"), settings(entries), outside.url)
        yield running
        running.close()
        assert [request.path for request in outside.requests] == []


@pytest.fixture
def asked(proxy: Proxy) -> Iterator[Gateway]:
    gateway = client(proxy.url, KEY)
    yield gateway
    gateway.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the proxy's log with a test that failed."""
    report = yield
    running = item.funcargs.get("proxy")
    if report.failed and running is not None:
        report.sections.append(("the proxy's log", running.log.read_text(errors="replace")[-_LOG_SHOWN:]))
    return report
