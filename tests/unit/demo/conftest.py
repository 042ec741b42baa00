"""Fixtures: a fast demo gateway and the official SDKs as its clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib.demo import DemoGateway
from tests.support.sdk_clients import anthropic_sdk, openai_sdk

__all__ = ["anthropic_sdk", "gateway", "openai_sdk"]


@pytest.fixture(scope="package")
def gateway() -> Iterator[DemoGateway]:
    """A gateway so fast that no delay is noticed."""
    gateway = DemoGateway(pace=2000)
    yield gateway
    gateway.close()
