"""Chat page: the open conversation, the composer, and the answer while it is generated."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.auth import require
from lib.ui.chat import (
    composer,
    empty_state,
    live_answer,
    share,
    transcript,
)
from lib.ui.session import conversation_view
from lib.ui.text import t
from lib.ui.widgets import cost, errors, scroll

user = require()

try:
    view = conversation_view.open_conversation(user.id)
except StoreError as error:
    errors.flash_warning(errors.code_message(error.code))
    # Keep the page and what is being typed.
    view = conversation_view.current_view()
stop_slot = composer.render(user)

with st.empty():
    empty_state.render_temporary_switch(user, view)
with st.empty():
    cost_slot = share.render(user, view)
with st.empty():
    if not view.nodes:
        empty_state.render(user)
with st.empty():
    scroll.render(view)
transcript.render(user, view)
answer_slot = transcript.create_answer_bubble(view.nodes[-1]) if view.generation else None
transcript.render_later_button(view)
transcript.clear_stale_elements(len(view.nodes[view.start : view.end]) + bool(view.end))
if view.generation and answer_slot:
    view.nodes[-1] = live_answer.render(view.generation, view.nodes[-1], answer_slot)
    conversation_view.refresh_after_answer(user.id, view)
    if cost_slot:
        cost.render_conversation_cost(view, cost_slot)
    transcript.render_answer(user, view, view.nodes[-1], answer_slot, is_last=True)
    composer.replace_stop_with_estimate(stop_slot)
    if view.generation.wait(-1, 0).is_unsaved:
        st.warning(t("answer.unsaved"), icon=":material/save:")
    conversation_view.mark_read(user.id, view)
