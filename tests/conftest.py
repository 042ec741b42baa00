"""Fixtures of every folder: a store on a file of its own, and no address but this machine's."""

from __future__ import annotations

import socket

import pytest

from lib.storage.store import Store

_connect = socket.socket.connect


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
