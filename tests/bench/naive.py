"""A typical chat sample: read the stream in the script and pass each token to st.write_stream."""

import json
import os

import requests
import sseclient
import streamlit as st


def tokens(text):
    body = {"model": "bench", "messages": [{"role": "user", "content": text}], "stream": True}
    response = requests.post(f"{os.environ['BENCH_URL']}/v1/chat/completions", json=body, stream=True, timeout=60)
    for event in sseclient.SSEClient(response).events():
        if event.data == "[DONE]":
            return
        yield json.loads(event.data)["choices"][0]["delta"].get("content") or ""


if text := st.chat_input("Ask", key="box"):
    with st.chat_message("assistant"):
        st.write_stream(tokens(text))
        st.markdown("THE-END")
