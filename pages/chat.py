"""One conversation: what was said, the box to say more, the answer as it comes."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui import (
    access,
    composer,
    money,
    problem,
    reach,
    sharing,
    stream,
    temporary,
    transcript,
    views,
    welcome,
)
from lib.ui.text import t

person = access.require()

try:
    view = views.opened(person.id)
except StoreError as error:
    problem.refuse(problem.sentence(error.code))
    view = views.view()  # what is on the screen stays there, and the box with what is typed in it
stop = composer.paint(person)

with st.empty():
    temporary.paint(person, view)
with st.empty():
    taken = sharing.paint(person, view)
with st.empty():
    if not view.nodes:
        welcome.paint(person)
with st.empty():
    reach.paint(view)
transcript.paint(person, view)
place = transcript.bubble(view.nodes[-1]) if view.answer else None
transcript.later(view)
transcript.sweep(len(view.nodes[view.first : view.end]) + bool(view.end))
if view.answer and place:
    view.nodes[-1] = stream.follow(view.answer, view.nodes[-1], place)
    views.look_around(person.id, view)
    if taken:
        money.paint_sum(view, taken)
    transcript.answer(person, view, view.nodes[-1], place, last=True)
    composer.ended(stop)
    if view.answer.wait(-1, 0).unsaved:
        st.warning(t("answer.unsaved"), icon=":material/save:")
    views.read_to_its_end(person.id, view)
