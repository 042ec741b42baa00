"""The diagnosis of the prompt cache in the details of an answer: a first request, a hit, a miss and its cost."""

from __future__ import annotations

import json

from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.support.replay import JSON, Canned, Replay

PRICES = {
    "data": [
        {
            "model_name": "claude-sonnet-5",
            "quota_type": 0,
            "model_ratio": 1.5,
            "completion_ratio": 5,
            "cache_ratio": 0.1,
            "enable_groups": ["default"],
        }
    ],
    "group_ratio": {"default": 1},
}
LONG = "A long question. " * 400


def serve_answer(gateway: Replay, read: int, written: int, **fields) -> None:
    usage = {
        "input_tokens": 40,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": 5,
    }
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Yes"}], **fields}
    body = {"id": "msg_1", "model": "claude-sonnet-5", "stop_reason": "end_turn", "usage": usage, **message}
    gateway.serve("/v1/messages", Canned(json.dumps(body).encode(), headers=JSON))


def open_chat(gateway: Replay) -> ChatApp:
    models = {"data": [{"id": "claude-sonnet-5", "supported_endpoint_types": ["anthropic", "openai"]}]}
    gateway.serve("/v1/models", Canned(json.dumps(models).encode(), headers=JSON))
    gateway.serve("/api/pricing", Canned(json.dumps(PRICES).encode(), headers=JSON))
    return ChatApp(model="claude-sonnet-5", wire="anthropic", is_panel_open=True).set_field("Prompt cache", "5m")


def test_a_first_request_a_hit_and_a_miss_after_an_edited_question_are_explained(keyed):
    chat = open_chat(keyed)
    serve_answer(keyed, 0, 2000)
    chat.ask(LONG).choose_action(-1, "Explain prompt cache")
    assert "This was the first request of the chat" in chat.text
    serve_answer(keyed, 2000, 60)
    chat.ask("And then?").choose_action(-1, "Explain prompt cache")
    assert "Hit: the beginning of the request was read" in chat.text
    assert "| Tokens read from the cache | 2,000 |" in chat.text
    assert "| Saved | $0.0054 |" in chat.text
    serve_answer(keyed, 0, 2060)
    chat.set_field("System prompt", "Be brief").ask("Really?").choose_action(-1, "Explain prompt cache")
    assert "Miss: nothing was read from the cache." in chat.text
    assert "The system prompt was changed." in chat.text
    assert "| Tokens that could have been read | 2,100 |" in chat.text
    assert "By the recorded requests." in chat.text


def test_the_diagnosis_of_the_vendor_is_shown_as_literal_text(keyed):
    chat = open_chat(keyed)
    serve_answer(keyed, 0, 2000)
    chat.ask(LONG)
    reason = {"cache_miss_reason": {"type": "system_changed", "cache_missed_input_tokens": 1990}}
    serve_answer(keyed, 0, 2060, diagnostics=reason)
    chat.ask("And then?").choose_action(-1, "Explain prompt cache")
    assert "The vendor's own diagnosis: another system prompt, 1,990 tokens not read." in chat.text
    serve_answer(keyed, 0, 2060, diagnostics={"cache_miss_reason": {"type": "**new** ![x](https://a.example)"}})
    chat.click("Regenerate").choose_action(-1, "Explain prompt cache")
    assert "![x]" in chat.text
    captions = [caption.value for caption in chat.at.caption if "own diagnosis" in caption.value]
    assert "\\!\\[x\\]" in captions[-1]


def test_an_answer_over_the_other_format_names_the_format(keyed):
    chat = open_chat(keyed)
    serve_answer(keyed, 0, 2000)
    chat.ask(LONG)
    body = {
        "choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2040, "completion_tokens": 5},
    }
    keyed.serve("/v1/chat/completions", Canned(json.dumps(body).encode(), headers=JSON))
    chat.choose_action(-1, "Ask in OpenAI format").choose_action(-1, "Explain prompt cache")
    assert "The gateway reported no cache counters for this answer." in chat.text
    assert "Claude caches on request only, and the OpenAI format has no field for it." in chat.text


def test_requests_that_were_not_recorded_are_built_again_and_that_is_said(keyed, monkeypatch):
    monkeypatch.setenv("ANTLER_RECORD_KB", "0")
    resources.settings.clear()
    chat = open_chat(keyed)
    serve_answer(keyed, 0, 2000)
    chat.ask(LONG)
    serve_answer(keyed, 0, 2060)
    chat.ask("And then?").choose_action(-1, "Explain prompt cache")
    assert "Reconstructed from the messages" in chat.text
    assert "The request begins as the previous one" in chat.text
    assert "| Additional cost of the miss | $0.0070 |" in chat.text
