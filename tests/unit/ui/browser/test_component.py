"""Components: the scripts that a feature joins, and where its modules find them."""

from __future__ import annotations

import pytest
import streamlit as st

from lib.ui.browser import component


@pytest.fixture
def declared(monkeypatch):
    """The arguments of the components that are declared."""
    calls = []
    monkeypatch.setattr(st.components.v2, "component", lambda *args, **named: calls.append((args, named)))
    return calls


def test_the_scripts_of_a_feature_are_joined_in_their_order(tmp_path, declared):
    for name in ("first.js", "second.js", "looks.css"):
        (tmp_path / name).write_text(f"/* {name} */", encoding="utf-8")
    component.declare("tools", str(tmp_path / "tools.py"), "first", "second", html="<p></p>", css="looks")
    assert declared == [
        (
            ("antler.tools",),
            {
                "js": "/* first.js */\n/* second.js */",
                "html": "<p></p>",
                "css": "/* looks.css */",
                "isolate_styles": False,
            },
        )
    ]


def test_a_script_that_is_missing_is_noticed_at_once(tmp_path, declared):
    with pytest.raises(FileNotFoundError):
        component.declare("tools", str(tmp_path / "tools.py"), "absent")
    assert declared == []
