"""Demo gateways of three paces, and the official SDKs that ask the fast one."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.fake_gateway import FakeGateway


@pytest.fixture(scope="package")
def fast() -> Iterator[FakeGateway]:
    """So fast that a minute's silence is over in a moment."""
    running = FakeGateway(pace=2000)
    yield running
    running.close()


@pytest.fixture(scope="module")
def steady() -> Iterator[FakeGateway]:
    """At its real pace, for what is about time."""
    running = FakeGateway(pace=1)
    yield running
    running.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[FakeGateway]:
    """So slow that no answer ends by itself while a test waits for something."""
    running = FakeGateway(pace=0.02)
    yield running
    running.close()


@pytest.fixture(scope="package")
def no_settings_from_outside() -> Iterator[None]:
    """Nothing of this machine's settings for the official SDKs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="package")
def ours(fast: FakeGateway, no_settings_from_outside: None) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, which asks over chat completions."""
    with openai.OpenAI(base_url=fast.url + "/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="package")
def theirs(fast: FakeGateway, no_settings_from_outside: None) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK, which asks over messages."""
    keyed = {"x-api-key": "none"}
    client = anthropic.Anthropic(base_url=fast.url, api_key="none", max_retries=0, default_headers=keyed)
    with client:
        yield client
