"""A chat as Gradio's tutorial builds it: a function that yields the answer so far, in a chat interface."""

import os

import gradio as gr
from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['BENCH_URL']}/v1", api_key="none")
DELIMITERS = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]


def answer(message, history):
    messages = [{"role": turn["role"], "content": turn["content"]} for turn in history]
    messages.append({"role": "user", "content": message})
    text = ""
    for part in client.chat.completions.create(model="bench", messages=messages, stream=True):
        if part.choices and part.choices[0].delta.content:
            text += part.choices[0].delta.content
            yield text


chat = gr.ChatInterface(answer, chatbot=gr.Chatbot(latex_delimiters=DELIMITERS, height="80vh"))
chat.launch(server_name="127.0.0.1", server_port=int(os.environ["BENCH_PORT"]), quiet=True)
