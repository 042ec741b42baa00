"""Typed session state: defaults, changes in place, and removal of values."""

from __future__ import annotations

import pytest
import streamlit as st

from lib.core.conversation import Conversation
from lib.ui.session import state
from lib.ui.session.state import SessionState
from lib.ui.session.values import Selection, UndoOffer


@pytest.fixture
def session_state(monkeypatch) -> SessionState:
    monkeypatch.setattr(st, "session_state", {})
    return state.session_state


def test_an_unset_value_has_its_default(session_state):
    assert session_state.language == ""
    session_state.language = "zh"
    assert session_state.language == "zh"
    del session_state.language
    del session_state.language
    assert session_state.language == ""


def test_a_mutable_value_is_created_once_and_not_shared(session_state, monkeypatch):
    session_state.open_folders.add("Work")
    assert session_state.open_folders == {"Work"}
    monkeypatch.setattr(st, "session_state", {})
    assert session_state.open_folders == set()


def test_widget_values_are_independent_of_session_values(session_state):
    assert not session_state.has_widget("composer.model")
    session_state.set_widget("composer.model", "m")
    assert session_state.widget("composer.model") == "m"
    assert session_state.pop_widget("composer.model") == "m"
    assert session_state.widget("composer.model", "none") == "none"


def test_clear_removes_all_values(session_state):
    session_state.undo_offer = UndoOffer("Renamed", lambda: None, None)
    session_state.set_widget("composer.model", "m")
    session_state.clear()
    assert session_state.undo_offer is None
    assert not session_state.has_widget("composer.model")


def test_a_selection_reported_twice_is_applied_once():
    conversation = Conversation("c", "Why?", 1.0)
    selection = Selection(visible={"c": conversation})
    for _ in range(2):
        selection.set_selected(conversation, True)
        assert selection.selected == {"c": conversation}
    for _ in range(2):
        selection.set_selected(conversation, False)
        assert selection.selected == {}
    for _ in range(2):
        selection.set_all_selected(True)
        assert selection.is_all_selected
