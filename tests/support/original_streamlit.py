"""The parts of Streamlit that a server replaces, to be put back after a test."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.components.v2.bidi_component import serialization
from streamlit.runtime import websocket_session_manager
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state import SafeSessionState
from streamlit.runtime.state.session_state_proxy import SessionStateProxy

REPLACED: tuple[tuple[Any, str], ...] = (
    (websocket_session_manager, "AppSession"),
    (SafeSessionState, "filtered_state"),
    (SessionStateProxy, "__getitem__"),
    (ScriptCache, "get_bytecode"),
    (ScriptRunner, "_maybe_handle_execution_control_request"),
    (serialization, "is_dataframe_like"),
)


def keep_streamlit(patch: pytest.MonkeyPatch) -> None:
    """Let `patch` put them back when it ends, whatever replaces them."""
    for owner, name in REPLACED:
        patch.setattr(owner, name, getattr(owner, name))
