"""Fixtures: fake gateways of two paces and the official SDKs as clients of the fast one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_gateway import FakeGateway
from tests.support.sdk_clients import anthropic_sdk, openai_sdk

__all__ = ["anthropic_sdk", "gateway", "openai_sdk", "slow_gateway"]


@pytest.fixture(scope="package")
def gateway() -> Iterator[FakeGateway]:
    """A gateway so fast that a minute of silence is over in a moment."""
    with FakeGateway(pace=2000) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def slow_gateway() -> Iterator[FakeGateway]:
    """A gateway so slow that no answer ends by itself during a test."""
    with FakeGateway(pace=0.02) as gateway:
        yield gateway
