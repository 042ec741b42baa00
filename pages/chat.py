"""Chat page: the open conversation, the composer, and the answer while it is generated."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.core.errors import StoreError
from lib.ui import inspector
from lib.ui.auth import require
from lib.ui.chat import (
    answer_comparison,
    answer_status,
    cache_view,
    empty_state,
    live_answer,
    message_tools,
    queued_questions,
    share,
    transcript,
)
from lib.ui.chat.answer_feed import FollowedAnswer
from lib.ui.composer import composer, regeneration
from lib.ui.files import file_viewer
from lib.ui.history import sidebar
from lib.ui.projects import home
from lib.ui.session import conversation_view
from lib.ui.session.run_queue import run_queue
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import cost, errors, replays, scroll

user = require()
replays.follow()
replays.play_linked(user)

try:
    view = conversation_view.open_conversation(user.id)
except StoreError as error:
    errors.flash_warning(errors.code_message(error.code))
    # Keep the page and what is being typed.
    view = conversation_view.current_view()
entries = composer.sync(user)
answer_status.render(view)

scroll.extend_visible_range(view)
has_switch = session_state.temporary_store or not (view.nodes or view.project)
# A slot for each: what is no longer shown has to be gone before the messages are.
slots = [
    st.container() if is_shown else st.empty() for is_shown in (has_switch, view.nodes, view.nodes, not view.nodes)
]
places = transcript.place_messages(user, view)
with slots[0]:
    empty_state.render_temporary_switch(user, view)
with slots[1]:
    cost_slot = share.render(user, view)
with slots[2]:
    empty_state.render_header(view)
with slots[3]:
    if view.project and not view.nodes:
        home.render(user, view.project)
    elif not view.nodes:
        empty_state.render(user)
message_tools.render(user, view)
bubble = transcript.render(user, view, places)
transcript.render_later_button(view)
has_queue = view.end is None and view.queue.questions
with st.container() if has_queue else st.empty():
    if has_queue:
        queued_questions.render(user, view)
stop_slot = composer.render(user, entries)
transcript.preload_renderers(is_arriving=view.generation is not None)
file_viewer.render(user)
answer_comparison.render(user, view)
cache_view.render(user, view)
inspector.render(user)
composer.render_model_list(user)
if not view.generation:
    scroll.render(view)
sidebar.render(user, is_chat_page=True)
run_queue.end_turn()
if view.generation and bubble:
    on_shown = partial(scroll.render, view)
    params = view.conversation.params if view.conversation else None
    answer = FollowedAnswer(view.generation, view.nodes[-1], bubble, params)
    node = view.nodes[-1] = live_answer.render(answer, on_shown)
    conversation_view.refresh_after_answer(user.id, view)
    transcript.render_foot(user, view, node, bubble, regeneration.list_menu_targets(user, view), is_last=True)
    if cost_slot:
        cost.render_conversation_cost(view, cost_slot)
    message_tools.render_answer_tools(user, view, node)
    composer.replace_stop_with_estimate(user, stop_slot)
    answer_status.render_end(user, view)
    if view.generation.wait(-1, 0).is_unsaved:
        st.warning(t("answer.unsaved"), icon=":material/save:")
    conversation_view.mark_read(user.id, view)
queued_questions.follow(user, view)
