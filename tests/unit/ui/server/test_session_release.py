"""Release of sessions whose page was closed."""

from __future__ import annotations

import asyncio

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from lib.ui.server import sessions as session_module
from lib.ui.server import streamlit_private
from lib.ui.server.sessions import SessionOwners, schedule_release


@pytest.fixture
def released(monkeypatch) -> list[str]:
    """The sessions that are released, at once in place of after some seconds."""
    closed: list[str] = []
    monkeypatch.setattr(streamlit_private, "close_session", closed.append)
    monkeypatch.setattr(session_module, "RELEASE_SECONDS", 0.0)
    return closed


def close_page(sessions: SessionOwners, code: int | None, *, comes_back: bool = False) -> None:
    async def run() -> None:
        schedule_release(sessions, "s1", code)
        if comes_back:
            sessions.connect("s1", "ann")
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(run())


def test_a_closed_page_releases_its_session_and_a_lost_connection_keeps_it(released):
    sessions = SessionOwners()
    sessions.connect("s1", "ann")
    sessions.disconnect("s1")
    for code in (1005, 1006, None):
        close_page(sessions, code)
        assert released == [], code
    for code in (1000, 1001):
        close_page(sessions, code)
        assert released == ["s1"], code
        released.clear()


def test_streamlit_keeps_sessions_where_they_are_expired():
    """The private names of the adapter."""
    assert callable(MemorySessionStorage()._cache.expire)
    assert "_session_storage" in WebsocketSessionManager.__init__.__code__.co_names


def test_a_session_whose_page_comes_back_is_kept(released):
    sessions = SessionOwners()
    sessions.connect("s1", "ann")
    sessions.disconnect("s1")
    close_page(sessions, 1001, comes_back=True)
    assert released == []
