"""One conversation: what was said, the box to say more, the answer as it comes."""

from __future__ import annotations

import streamlit as st

from lib.ui import access, composer, state, stream, transcript, welcome

person = access.require()

view = state.opened(person.id)
stop = composer.paint(person)


def retry() -> None:
    composer.retry(person)


with st.empty():
    if not view.nodes:
        welcome.paint(person)
transcript.paint(view, retry)
slot = transcript.bubble(view.nodes[-1]) if view.answer else None
transcript.sweep(len(view.nodes) - view.first)
if view.answer and slot:
    view.nodes[-1] = stream.follow(view.answer, view.nodes[-1], slot)
    transcript.answer(view.nodes[-1], slot, retry)
    stop.empty()
