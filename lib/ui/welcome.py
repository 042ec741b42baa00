"""The empty conversation: what this is, and a few questions to click."""

from __future__ import annotations

import streamlit as st

from lib.core.types import Person
from lib.ui import composer, state
from lib.ui.text import literal, t


def paint(person: Person) -> None:
    demo = state.demo_only()
    with st.container(key="welcome", gap="medium"):
        st.image(state.LOGO, width=56)
        st.title(t("empty.title"), anchor=False)
        st.markdown(t("empty.demo") if demo else t("empty.gateway", host=literal(state.gateway_host())))
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for number in range(1, 5):
                question = t(f"empty.{'q' if demo else 'g'}{number}")
                st.button(
                    literal(question),
                    key=f"suggest-{number}",
                    on_click=composer.send,
                    args=(person, question),
                )
