"""A replay server for each test, and a gateway that asks it."""

from collections.abc import Iterator

import pytest

from lib.gateway.client import Gateway
from tests.support.replay import Replay
from tests.unit.gateway.recordings import gateway


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def asked(replay: Replay) -> Iterator[Gateway]:
    client = gateway(replay)
    yield client
    client.close()
