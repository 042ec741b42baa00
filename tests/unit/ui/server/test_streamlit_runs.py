"""Script runs with less work do the same."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit import delta_generator, env_util
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import RerunData, RerunException, ScriptRunner, StopException
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.runtime.state import SessionState
from streamlit.testing.v1 import AppTest

from lib.ui.server import streamlit_runs
from tests.support.original_streamlit import keep_streamlit

COMPONENTS = """
import streamlit as st

own = st.components.v2.component("own", js="export default () => {}", html="<p></p>", css="p {}", isolate_styles=False)
with st.sidebar:
    own(key="one", data={"text": "中", "list": [1, {"a": None}]})
with st.form("form"):
    own(key="two", data={}, width="content")
    own(key="three", width=40)
    st.form_submit_button("Send")
own(key="four", data={"a": 1}, on_chosen_change=lambda: None)
own(key="five", data=b"a")
"""


@pytest.fixture(autouse=True)
def reduce_costs(monkeypatch) -> None:
    keep_streamlit(monkeypatch)
    streamlit_runs.reduce_costs()


def mounted_components() -> list[bytes]:
    sent: list[ForwardMsg] = []
    with pytest.MonkeyPatch.context() as patch:
        enqueue = ForwardMsgQueue.enqueue
        patch.setattr(
            ForwardMsgQueue, "enqueue", lambda queue, message: (sent.append(message), enqueue(queue, message))
        )
        at = AppTest.from_string(COMPONENTS, default_timeout=60).run()
    assert not at.exception
    return [message.SerializeToString() for message in sent if b"own" in message.SerializeToString()]


def build_themes() -> list[bytes]:
    themes = []
    for section in ("theme", "theme.light", "theme.dark.sidebar", "theme"):
        theme = CustomThemeConfig()
        app_session._populate_theme_msg(theme, section)
        themes.append(theme.SerializeToString())
    return themes


def test_a_field_reads_its_own_value_without_those_of_others(monkeypatch):
    script = """
import streamlit as st

st.session_state.setdefault("empty", None)
for field in (st.text_input, st.text_area, st.number_input):
    field("Field", key=field.__name__)
st.selectbox("Field", ["a", "b"], key="empty")
"""
    built: list[int] = []
    complete = SessionState.filtered_state.fget
    monkeypatch.setattr(SessionState, "filtered_state", property(lambda state: built.append(1) or complete(state)))
    at = AppTest.from_string(script, default_timeout=60).run()
    assert not at.exception and at.selectbox[0].value is None
    assert built == [], "each field of a form reads the whole session"
    values = {"empty": None, "text_input": "", "text_area": "", "number_input": 0.0}
    assert dict(at.session_state.items()) == values and len(list(at.session_state)) == len(values)
    assert "text_input" in at.session_state and "other" not in at.session_state


def test_a_script_is_compiled_once_for_each_version_of_its_file(tmp_path):
    path = tmp_path / "page.py"
    path.write_text("value = 1", encoding="utf-8")
    code = ScriptCache().get_bytecode(str(path))
    assert ScriptCache().get_bytecode(str(path)) is code, "the first visitor after the last one waits for the compiler"
    path.write_text("value = 2", encoding="utf-8")
    os.utime(path, ns=(0, 1))
    values: dict[str, int] = {}
    exec(ScriptCache().get_bytecode(str(path)), values)
    assert values["value"] == 2


def test_a_run_ends_when_a_request_has_come():
    requests = ScriptRequests()
    runner = SimpleNamespace(_requests=requests, _execing=True, _is_in_script_thread=lambda: True)

    def look() -> None:
        ScriptRunner._maybe_handle_execution_control_request(runner)

    look()  # none has come
    assert requests.request_rerun(RerunData(widget_states=None))
    with pytest.raises(RerunException):
        look()
    look()  # it was taken
    requests.request_stop()
    for _ in range(2):
        with pytest.raises(StopException):
            look()


def test_a_value_is_the_last_one_that_was_set_by_the_script_a_callback_or_a_widget():
    script = """
import streamlit as st

def press():
    st.session_state["own"] += " callback"
    st.session_state["number"] = st.session_state["number"] + 1

st.session_state.setdefault("own", "first")
st.number_input("Number", key="number", step=1)
st.button("Press", on_click=press)
st.session_state["own"] += " run"
st.text(f"{st.session_state['own']} {st.session_state.get('number')} {'other' in st.session_state}")
"""
    at = AppTest.from_string(script, default_timeout=60).run()
    assert at.text[0].value == "first run 0 False"
    at.number_input[0].set_value(5).run()
    assert at.text[0].value == "first run run 5 False"
    at.button[0].click().run()
    assert at.text[0].value == "first run run callback run 6 False"


def test_components_and_the_theme_are_sent_as_streamlit_sends_them(monkeypatch):
    with monkeypatch.context() as patch:
        keep_streamlit(patch)
        components, themes = mounted_components(), build_themes()
    registered: list[str] = []
    register = SessionState.register_widget

    def register_and_record(state: SessionState, metadata: Any, user_key: str | None) -> Any:
        registered.append(metadata.id)
        return register(state, metadata, user_key)

    monkeypatch.setattr(SessionState, "register_widget", register_and_record)
    assert mounted_components() == components and len(components) == 5
    # What calls something back has widgets for its state.
    names = ("one", "two", "three", "four", "five")
    assert [name for name in names if any(f"-{name}" in widget_id for widget_id in registered)] == ["four", "five"]
    assert build_themes() == build_themes() == themes


@pytest.mark.parametrize("is_displayed", [True, False])
def test_a_run_looks_for_no_prompt(is_displayed, monkeypatch):
    calls = []
    monkeypatch.setattr(env_util, "is_repl", lambda: bool(calls.append(1)))
    if not is_displayed:  # as Streamlit begins
        monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    assert not AppTest.from_string("import streamlit as st\nst.text('a')", default_timeout=60).run().exception
    assert len(calls) == (not is_displayed)
