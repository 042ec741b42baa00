"""Messages to the browser that a script of Streamlit sends."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest


def list_elements(script: str) -> list[ForwardMsg]:
    """Run a script, and return its messages of elements in their order."""
    sent: list[ForwardMsg] = []
    enqueue = ScriptRunContext.enqueue
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptRunContext, "enqueue", lambda context, msg: (enqueue(context, msg), sent.append(msg)))
        assert not AppTest.from_string(script).run().exception
    return [message for message in sent if message.delta.HasField("new_element")]
