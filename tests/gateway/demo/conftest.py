"""Demo gateways of three paces."""

from collections.abc import Iterator

import pytest

from lib.gateway import demo


@pytest.fixture(scope="package")
def fast() -> Iterator[demo.Demo]:
    """So fast that a minute's silence is over in a moment."""
    running = demo.start(pace=2000)
    yield running
    running.close()


@pytest.fixture(scope="module")
def steady() -> Iterator[demo.Demo]:
    """At its real pace, for what is about time."""
    running = demo.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[demo.Demo]:
    """So slow that no answer ends by itself while a test waits for something."""
    running = demo.start(pace=0.02)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's settings for the official SDKs."""
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
