"""One conversation: what was said, the box to say more, the answer as it comes."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.auth import require
from lib.ui.chat import (
    composer,
    empty_state,
    live_answer,
    share,
    temporary_chat,
    transcript,
)
from lib.ui.session import conversation_view
from lib.ui.text.i18n import t
from lib.ui.widgets import cost, errors, scroll

person = require.require()

try:
    view = conversation_view.opened(person.id)
except StoreError as error:
    errors.refuse(errors.sentence(error.code))
    view = conversation_view.view()  # what is on the screen stays there, and the box with what is typed in it
stop = composer.paint(person)

with st.empty():
    temporary_chat.paint(person, view)
with st.empty():
    taken = share.paint(person, view)
with st.empty():
    if not view.nodes:
        empty_state.paint(person)
with st.empty():
    scroll.paint(view)
transcript.paint(person, view)
place = transcript.bubble(view.nodes[-1]) if view.answer else None
transcript.later(view)
transcript.sweep(len(view.nodes[view.first : view.end]) + bool(view.end))
if view.answer and place:
    view.nodes[-1] = live_answer.follow(view.answer, view.nodes[-1], place)
    conversation_view.look_around(person.id, view)
    if taken:
        cost.paint_sum(view, taken)
    transcript.answer(person, view, view.nodes[-1], place, last=True)
    composer.ended(stop)
    if view.answer.wait(-1, 0).unsaved:
        st.warning(t("answer.unsaved"), icon=":material/save:")
    conversation_view.read_to_its_end(person.id, view)
