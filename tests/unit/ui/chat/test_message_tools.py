"""Tools in the browser: their files, texts, and the style sheet that they need."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from lib.core.conversation import Failure, Feedback, Message, Node, Outcome, TextPart
from lib.ui.chat import message_tools
from lib.ui.widgets import navigation

FOLDER = Path(message_tools.__file__).parent


def test_the_script_uses_known_texts():
    script = "".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in message_tools._SCRIPTS)
    used = set(re.findall(r'labelOf\("(\w+)"', script)) | set(
        re.findall(r'labelOf\([^)"]*\? "(\w+)" : "(\w+)"', script)[0]
    )
    assert used <= {*message_tools._LABELS, "copy_question", "copy_answer", "good", "bad"}
    assert script.count("export default") == 1


def test_only_an_answer_can_be_rated():
    failed = Node("a", None, Message("assistant", ()), 1.0, Outcome.FAILED, failure=Failure("rate_limited"))
    assert "rating" not in message_tools._describe(failed, 1)
    begun = replace(failed, message=Message("assistant", (TextPart("Since"),)))
    assert message_tools._describe(begun, 1)["rating"] == ""
    # What was rated before can be changed.
    assert message_tools._describe(replace(failed, feedback=Feedback("bad")), 1)["rating"] == "bad"


def test_the_style_sheet_holds_no_tag():
    """Streamlit leaves out a style sheet in which it finds one, even in a comment."""
    assert "<" not in navigation._CSS
