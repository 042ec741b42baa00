"""Event loops of sessions: no descriptors before they are used, and what libraries expect of a loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.runtime import app_session, websocket_session_manager
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from lib.ui.server import streamlit_private
from lib.ui.server.script_loop import ScriptLoop
from tests.support.original_streamlit import keep_streamlit


@pytest.fixture
def opened() -> list[asyncio.AbstractEventLoop]:
    return []


@pytest.fixture
def loop(opened):
    def open_loop() -> asyncio.AbstractEventLoop:
        opened.append(asyncio.new_event_loop())
        return opened[-1]

    loop = ScriptLoop(open_loop)
    yield loop
    loop.close()
    asyncio.set_event_loop(None)


def test_a_loop_that_nothing_uses_is_not_opened(loop, opened):
    asyncio.set_event_loop(loop)
    assert asyncio.get_event_loop_policy().get_event_loop() is loop
    assert not loop.is_running()
    assert not loop.is_closed()
    loop.close()
    assert loop.is_closed()
    assert opened == []
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)


def test_a_loop_works_from_its_first_use_on(loop, opened):
    async def work() -> int:
        assert loop.is_running()
        await asyncio.sleep(0)
        return await asyncio.get_running_loop().run_in_executor(None, lambda: 42)

    asyncio.set_event_loop(loop)
    future = asyncio.Future(loop=loop)
    future.add_done_callback(lambda _: loop.stop())
    loop.call_soon(future.set_result, "done")
    loop.run_forever()
    assert future.result() == "done"
    assert loop.run_until_complete(work()) == 42
    assert len(opened) == 1
    loop.close()
    assert opened[0].is_closed()
    assert loop.is_closed()


def test_a_session_opens_no_loop(monkeypatch):
    keep_streamlit(monkeypatch)
    streamlit_private.use_script_loops(ScriptLoop)
    session_class = websocket_session_manager.AppSession
    assert issubclass(session_class, AppSession)
    monkeypatch.setattr(app_session.config, "get_option", lambda name: "none" if "Watcher" in name else False)
    runtime = SimpleNamespace(exists=lambda: False)
    monkeypatch.setattr(app_session, "runtime", runtime)

    async def open_and_close() -> int:
        before = count_descriptors()
        session = session_class(
            ScriptData("app.py", False), MemoryUploadedFileManager("/u"), ScriptCache(), None, user_info={}
        )
        held = count_descriptors() - before
        assert not session._script_event_loop.is_closed()
        session.shutdown()
        assert session._script_event_loop.is_closed()
        return held

    assert asyncio.run(open_and_close()) == 0


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
