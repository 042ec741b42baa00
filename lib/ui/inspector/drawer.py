"""Drawer of the inspector: the recorded exchanges of an answer, beside the page that it is opened on."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lib.core.conversation import Node
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.inspector import exchange_view
from lib.ui.inspector.recent import PARAMETER
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import Inspection
from lib.ui.text import t
from lib.ui.widgets import exchange_actions
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message
from lib.ui.widgets.navigation import INSPECTOR_PAGE

_WIDTH = 760  # pixels at first; the reader can change it


def render_open_button(user: User, node: Node, label: str = "") -> None:
    """Render the button that opens the inspector for an answer that this server has requested or replayed.

    `label` is for an answer outside of a chat, where it has no number.
    """
    is_recorded = (node.usage_record_id or node.is_replay) and resources.settings().recording.max_bytes
    if is_recorded and not node.arriving:
        number = conversation_view.current_view().turn_number(node.id)
        label = label or t("message.inspect", number=number)
        render_button(label, f"inspect-{node.id}", "network_node", _open, Inspection(node_id=node.id))


def open_exchange(exchange_id: str) -> None:
    """Open the inspector for an exchange; a callback."""
    _open(Inspection(exchange_id=exchange_id))


def render(user: User) -> None:
    """Render the drawer while it is open, at the place where it was opened. Nothing is read before."""
    inspection = session_state.inspection
    if inspection and inspection.place != _current_place():
        _close()  # the browser has gone back or forward
    elif inspection:
        title = t("inspector.title")
        drawer = st.dialog(title, width=_WIDTH, position="right", icon=":material/network_node:", on_dismiss=_close)
        drawer(_render_content)(user, inspection)


def _open(inspection: Inspection) -> None:
    exchange_view.reset()
    session_state.inspection = replace(inspection, place=_current_place())


def _current_place() -> tuple[bool, str | None]:
    """Return the page and the conversation that are shown."""
    return session_state.is_chat_page, st.query_params.get("c")


def _close() -> None:
    del session_state.inspection


def _render_content(user: User, inspection: Inspection) -> None:
    if session_state.inspection is not inspection:
        st.rerun()  # an action of this drawer has closed it
    if session_state.opened_replay_id:
        _close()
        st.rerun()
    # What is no answer of the open conversation is in the database.
    store = services.current_store() if inspection.node_id else resources.store()
    try:
        exchange_view.load(user, store, inspection)
        if not inspection.exchanges:
            st.markdown(t("inspector.nothing", days=resources.settings().recording.days))
            return
        # In a drawer, a click waits for the end of the run, which follows a running answer.
        is_following = bool(session_state.is_chat_page and conversation_view.current_view().generation)
        exchange_view.render(user, store, inspection, is_lazy=not is_following)
    except StoreError as error:
        st.error(code_message(error.code), icon=":material/error:")
        return
    exchange_actions.render(user, inspection.exchanges[-1], store)
    if not session_state.temporary_store:
        label, shown = t("inspector.full_page"), inspection.exchanges[-1].id
        render_button(label, "inspector-full-page", "open_in_full", _open_page, shown)


def _open_page(exchange_id: str) -> None:
    """Show an exchange on the page of the inspector; a callback."""
    _close()
    st.switch_page(INSPECTOR_PAGE, query_params={PARAMETER: exchange_id})
