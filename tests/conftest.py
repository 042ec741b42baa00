"""Fixtures of every folder: a store on a file of its own, and no address but this machine's."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lib.storage.store import Store

BROWSER_TESTS = Path(__file__).parent / "browser"
_connect = socket.socket.connect


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests apart: Playwright leaves an event loop running in its process."""
    if len({BROWSER_TESTS in item.path.parents for item in items}) > 1:
        raise pytest.UsageError("run tests/browser by itself, as make test-browser does")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """A test that reaches for the network outside fails at once."""

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert str(address[0]) in ("127.0.0.1", "::1", "localhost"), f"{address} is not this machine"
        return _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def database_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/antler.db"


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()
