"""A replay server for each test, and a client for it."""

from collections.abc import Iterator

import pytest

from lib.gateway.client import Gateway
from tests.support.replay import Replay
from tests.unit.gateway.recordings import build_gateway


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def gateway(replay: Replay) -> Iterator[Gateway]:
    client = build_gateway(replay)
    yield client
    client.close()
