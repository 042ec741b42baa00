"""The compare page: several models at once, blind votes, what is kept, the history and the table of votes."""

from __future__ import annotations

import json

import pytest

from lib.ui.session import resources
from tests.app import model_select
from tests.app.chat_app import ChatApp, read_text
from tests.support.replay import JSON, Canned, Replay

OWNER = "browser:0123"


def openai_answer(text: str) -> Canned:
    chunk = {"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    return Canned(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())


def anthropic_answer(text: str) -> Canned:
    content = {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    return Canned(f"data: {json.dumps(content)}\n\n".encode())


@pytest.fixture
def gateway(keyed) -> Replay:
    models = [{"id": "gpt-4o"}, {"id": "claude-sonnet-4-5"}, {"id": "house-model"}]
    keyed.serve("/v1/models", Canned(json.dumps({"data": models}).encode(), headers=JSON))
    keyed.serve("/v1/chat/completions", openai_answer("The quick brown fox"))
    keyed.serve("/v1/messages", anthropic_answer("The slow brown dog"))
    return keyed


def open_page(*models: str, prompt: str = "Which animal?") -> ChatApp:
    chat = ChatApp("compare")
    while len(models) > count_targets(chat):
        chat.click("Add a model")
    for number, model in enumerate(models, 1):
        chat.choose_model(model, f"Model {number}")
    return chat.set_field("Prompt", prompt)


def count_targets(chat: ChatApp) -> int:
    return sum(data["label"].startswith("Model ") for data in model_select._buttons(chat.at))


def columns(chat: ChatApp) -> list[str]:
    """Return the texts of the columns, from their heads to their feet."""
    return [read_text(column) for column in chat.at.main.columns]


def sent_bodies(gateway: Replay) -> list[dict]:
    return [json.loads(request.body) for request in gateway.requests if request.method == "POST"]


def test_answers_stand_side_by_side_with_their_figures(gateway):
    chat = open_page("gpt-4o", "claude-sonnet-4-5").click("Ask 2 models")
    first, second = columns(chat)
    assert "A · gpt-4o" in first and "OpenAI format" in first and "The quick brown fox" in first
    assert "B · claude-sonnet-4-5" in second and "Anthropic format" in second and "The slow brown dog" in second
    assert all(" s · " in column and "tokens" in column for column in (first, second))
    assert "Which animal?" in chat.questions[0]
    chat.click("Differences between answers") if chat.buttons("Differences between answers") else None
    assert "No chats" in chat.sidebar or "Which animal?" not in chat.sidebar
