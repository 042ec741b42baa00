"""Compare page: one prompt to several models at once, its answers side by side, the history, and the votes."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.auth import require
from lib.ui.chat import transcript
from lib.ui.compare import compare_services, comparison_view, history_list, setup
from lib.ui.history import sidebar
from lib.ui.session import resources
from lib.ui.session.run_queue import run_queue
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, tabs, undo

user = require()

sections = {"new": setup.render, "history": history_list.render, "votes": history_list.render_votes}


def render_comparison(user: User, comparison_id: str) -> bool:
    """Render the comparison that the URL names; returns False without one."""
    comparison = resources.store().comparisons.get(user.id, comparison_id)
    if comparison is None:
        return False
    rendered = comparison_view.render(user, comparison)
    if rendered.is_running:
        # The answers take longer than anything else.
        sidebar.render(user, is_chat_page=False)
        run_queue.end_turn()
    comparison_view.follow(rendered)
    return True


def render() -> None:
    setup.open_pending(user)
    # A slot for each: what is below keeps its position, and a run in progress shows nothing of another one's content.
    with st.empty():
        errors.render_flash_warning()
    with st.empty():
        undo.render()
    # Before the first answer, as on the chat page.
    transcript.preload_renderers(is_arriving=navigation.COMPARISON_PARAMETER in st.query_params)
    view_slot, tabs_slot = st.empty(), st.empty()
    if comparison_id := st.query_params.get(navigation.COMPARISON_PARAMETER):
        with view_slot.container():
            if render_comparison(user, comparison_id):
                return
            compare_services.close_comparison("history")
            st.warning(t("compare.gone"), icon=":material/delete:")
    with tabs_slot.container():
        labels = {name: t(f"compare.tab_{name}") for name in sections}
        tabs.render("compare", labels, lambda name: sections[name](user))


navigation.render_back_link()
st.title(t("compare.title"), anchor=False)
try:
    render()
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
