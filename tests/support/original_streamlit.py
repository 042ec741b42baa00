"""The parts of Streamlit that a server replaces, to be put back after a test."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit
from streamlit import delta_generator
from streamlit.components.v2.bidi_component import serialization
from streamlit.components.v2.component_registry import BidiComponentDefinition
from streamlit.runtime import app_session, websocket_session_manager
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state import SafeSessionState
from streamlit.runtime.state.session_state_proxy import SessionStateProxy

REPLACED: tuple[tuple[Any, str], ...] = (
    (websocket_session_manager, "AppSession"),
    (streamlit, "_bidi_component"),
    (app_session, "_populate_theme_msg"),
    (SafeSessionState, "filtered_state"),
    (SessionStateProxy, "__getitem__"),
    (ScriptCache, "get_bytecode"),
    (ScriptRunner, "_maybe_handle_execution_control_request"),
    (delta_generator, "_use_warning_has_been_displayed"),
    (serialization, "is_dataframe_like"),
    (BidiComponentDefinition, "js_content"),
    (BidiComponentDefinition, "js_url"),
)


ORIGINALS = [(owner, name, getattr(owner, name)) for owner, name in REPLACED]


def keep_streamlit(patch: pytest.MonkeyPatch) -> None:
    """Use Streamlit as it is, and let `patch` undo that when it ends, whatever has replaced its parts."""
    for owner, name, original in ORIGINALS:
        patch.setattr(owner, name, original)
