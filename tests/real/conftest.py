"""Fixtures: two upstreams on loopback, LiteLLM's proxy in front of them, and a client of the proxy."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from lib.core.target import WIRES, Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.fake_gateway.checked import CheckedGateway
from tests.real.proxy import KEY, Proxy, client, mock, settings, upstream
from tests.real.routes import REPLAY_MODELS
from tests.support.replay import Replay

MOCK_TEXT = "Grüße, 你好 🦌"
# The models of the fake gateway that the tests use.
DEMO_MODELS = (
    "demo-tour",
    "demo-thinker",
    "demo-breaks",
    "demo-endless",
    "demo-busy",
    "demo-badgateway",
    "demo-errors",
    "demo-silent",
)
# Those of the gateway for checks, with the wire of their vendor upstream.
CHECKED = (Target("gpt-4.1", "openai"), Target("claude-sonnet-4-5", "anthropic"))
# Names of the proxy for the fake gateway's models of speech, transcription and images: gateways tell no more of them.
MEDIA_MODELS = {"tts-1": "demo-speech", "whisper-1": "demo-transcribe", "gpt-image-1": "demo-gpt-image"}
_MAX_LOG_LENGTH = 8_000


@pytest.fixture(scope="session")
def fake_gateway() -> Iterator[FakeGateway]:
    """The fake gateway as an upstream, on both wires and faster than a human reads."""
    running = FakeGateway(pace=5)
    yield running
    running.close()


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """An upstream of either wire that replays the response of a test."""
    with Replay() as server:
        yield server


@pytest.fixture(scope="session")
def checked_gateway() -> Iterator[CheckedGateway]:
    """An upstream with models that do what they are asked."""
    with CheckedGateway() as running:
        yield running


@pytest.fixture(scope="session")
def model_entries(fake_gateway: FakeGateway, checked_gateway: CheckedGateway, replay: Replay) -> list[dict[str, Any]]:
    """The proxy's model list: fake models on both wires, the replayed ones, and a mocked one."""
    return [
        *(upstream(f"{wire}-{name}", name, wire, fake_gateway.url) for wire in WIRES for name in DEMO_MODELS),
        *(upstream(REPLAY_MODELS[wire], "replayed", wire, replay.url) for wire in WIRES),
        *(upstream(target.model, target.model, target.wire, checked_gateway.url) for target in CHECKED),
        mock("mocked", MOCK_TEXT),
        *(upstream(name, model, "openai", fake_gateway.url) for name, model in MEDIA_MODELS.items()),
    ]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory, model_entries: list[dict[str, Any]]) -> Iterator[Proxy]:
    """The proxy, started once per run; fails if it sends a request anywhere but to the upstreams."""
    with Replay() as blocked_proxy:
        running = Proxy(tmp_path_factory.mktemp("litellm"), settings(model_entries), blocked_proxy.url)
        yield running
        running.close()
        assert [request.path for request in blocked_proxy.requests] == []


@pytest.fixture
def gateway(proxy: Proxy) -> Iterator[Gateway]:
    gateway = client(proxy.url, KEY)
    yield gateway
    gateway.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of the proxy's log to the report of a failed test."""
    report = yield
    running = item.funcargs.get("proxy")
    if report.failed and running is not None:
        report.sections.append(("the proxy's log", running.log.read_text(errors="replace")[-_MAX_LOG_LENGTH:]))
    return report
