"""A small chat as a Streamlit tutorial builds it: history in the session, conversations as buttons, two pages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import requests
import sseclient
import streamlit as st


def tokens(text: str) -> Iterator[str]:
    body = {"model": "bench", "messages": [{"role": "user", "content": text}], "stream": True}
    response = requests.post(f"{os.environ['BENCH_URL']}/v1/chat/completions", json=body, stream=True, timeout=60)
    for event in sseclient.SSEClient(response).events():
        if event.data == "[DONE]":
            return
        yield json.loads(event.data)["choices"][0]["delta"].get("content") or ""


def open_chat(number: int) -> None:
    st.session_state.open = number


def render_chat() -> None:
    chats = st.session_state.chats
    with st.sidebar:
        for number in range(len(chats)):
            st.button(f"Chat {number}", key=f"row-{number}", on_click=open_chat, args=(number,))
    messages = chats[st.session_state.open]
    with st.popover("Parameters", key="params"):
        st.slider("Temperature", 0.0, 2.0, 1.0)
        st.text_area("System prompt")
    for role, text in messages:
        with st.chat_message(role):
            st.markdown(text)
    if text := st.chat_input("Ask", key="box"):
        messages.append(("user", text))
        with st.chat_message("user"):
            st.markdown(text)
        with st.chat_message("assistant"):
            messages.append(("assistant", st.write_stream(tokens(text))))


def render_settings() -> None:
    st.title("Settings")
    st.selectbox("Language", ["English", "中文"])
    st.text_input("Default model")


if "chats" not in st.session_state:
    answer = "Answer {}, with some *words*, a `name` and a list:\n\n- one\n- two\n\nAnd an end."
    turns = range(1, int(os.environ["BENCH_MESSAGES"]) // 2 + 1)
    st.session_state.chats = [
        [message for turn in turns for message in (("user", f"Question {chat}"), ("assistant", answer.format(turn)))]
        for chat in range(int(os.environ["BENCH_CHATS"]))
    ]
    st.session_state.open = 0
st.navigation([st.Page(render_chat, title="Chat", default=True), st.Page(render_settings, title="Settings")]).run()
