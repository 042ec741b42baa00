"""The empty conversation: what this is, and a few questions to click."""

from __future__ import annotations

import streamlit as st

from lib.core.user import User
from lib.ui.chat import composer
from lib.ui.session import resources, services
from lib.ui.text.i18n import escape_markdown, t


def render(user: User) -> None:
    demo = services.is_demo()
    with st.container(key="welcome", gap="medium"):
        st.image(resources.LOGO, width=56)
        st.title(t("empty.title"), anchor=False)
        st.markdown(
            t("empty.demo") if demo else t("empty.gateway", host=escape_markdown(services.gateway_host()))
        )
        with st.container(key="suggestions", horizontal=True, gap="small"):
            for number in range(1, 5):
                question = t(f"empty.{'q' if demo else 'g'}{number}")
                st.button(
                    escape_markdown(question),
                    key=f"suggest-{number}",
                    on_click=composer.send,
                    args=(user, question),
                )
