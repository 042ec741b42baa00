"""A chat as Chainlit's tutorial builds it: the history in the session, and each token passed on as it comes."""

import os

import chainlit as cl
from openai import AsyncOpenAI

client = AsyncOpenAI(base_url=f"{os.environ['BENCH_URL']}/v1", api_key="none")


@cl.on_chat_start
async def start():
    cl.user_session.set("messages", [])


@cl.on_message
async def answer(message: cl.Message):
    messages = cl.user_session.get("messages")
    messages.append({"role": "user", "content": message.content})
    reply = cl.Message("")
    async for part in await client.chat.completions.create(model="bench", messages=messages, stream=True):
        if part.choices and (token := part.choices[0].delta.content):
            await reply.stream_token(token)
    messages.append({"role": "assistant", "content": reply.content})
    await reply.update()
