"""Models on the chat page and in the settings: favourites, the default, capabilities, the model list."""

from __future__ import annotations

import json

import pytest

from tests.app.chat_app import ChatApp
from tests.support.replay import JSON, Canned, Replay

OPENAI_ANSWER = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
ANTHROPIC_ANSWER = b'data: {"type":"message","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}\n\n'
VENDORS = ["#### Anthropic", "#### OpenAI", "#### Other"]
HAIKU = "claude-3-haiku-20240307"


def build_model_list(*ids: str) -> Canned:
    models = [
        {"id": "gpt-4o", "supported_endpoint_types": ["openai"]},
        {"id": "claude-sonnet-4-5", "supported_endpoint_types": ["anthropic", "openai"]},
        {"id": "house-model"},
        {"id": "painter", "supported_endpoint_types": ["image-generation"]},
        {"id": HAIKU, "supported_endpoint_types": ["anthropic"]},
        *({"id": name} for name in ids),
    ]
    return Canned(json.dumps({"object": "list", "data": models}).encode(), headers=JSON)


@pytest.fixture
def gateway(keyed) -> Replay:
    keyed.serve("/v1/models", build_model_list())
    keyed.serve("/v1/chat/completions", Canned(OPENAI_ANSWER))
    keyed.serve("/v1/messages", Canned(ANTHROPIC_ANSWER))
    return keyed


def list_vendors(chat: ChatApp) -> list[str]:
    return [markdown.value for markdown in chat.at.main.markdown if markdown.value.startswith("#### ")]


def assert_target(chat: ChatApp, model: str, wire: str) -> None:
    assert (chat.field("Model").value, chat.field("API format").value) == (model, wire)


def test_the_capabilities_of_the_chosen_model_are_shown(gateway):
    chat = ChatApp(model="claude-sonnet-4-5")
    assert "200k context window · images · PDF · thinking" in chat.text
    chat.set_field("Model", "house-model")
    assert "capabilities unknown" in chat.text


def test_the_picker_says_when_a_model_retires(gateway):
    entries = [
        {"id": "claude-a", "lifecycle": "deprecated", "retires_at": "2999-12-31T00:00:00Z"},
        {"id": "claude-b", "lifecycle": "deprecated", "retires_at": "2020-01-01T00:00:00Z"},
        {"id": "claude-c", "lifecycle": "deprecated", "retires_at": None},
        {"id": "claude-d", "lifecycle": "active", "retires_at": None},
        {"id": "claude-e", "lifecycle": "retired"},
    ]
    gateway.serve("/v1/models", Canned(json.dumps({"data": entries}).encode(), headers=JSON))
    chat = ChatApp(model="claude-a")
    assert chat.field("Model").options == [
        "claude-a · Anthropic · retires on Dec 31, 2999",
        "claude-b · Anthropic · retirement was due on Jan 1, 2020",
        "claude-c · Anthropic · deprecated",
        "claude-d · Anthropic",
    ]
    assert "capabilities unknown · retires on Dec 31, 2999" in chat.text
    assert_target(chat.set_field("Model", "claude-b"), "claude-b", "anthropic")


def test_a_favourite_is_the_first_option_of_another_session_until_removed(gateway):
    chat = ChatApp(model="gpt-4o").click("Add to favourites")
    assert chat.field("Model").options[0] == "★ gpt-4o · OpenAI"
    assert ChatApp(model="house-model").field("Model").options[0] == "★ gpt-4o · OpenAI"
    chat.click("Remove from favourites")
    assert "★" not in "".join(chat.field("Model").options)
    assert "Hello" in chat.ask("Hello?").answers[-1]


def test_a_default_applies_to_new_chats_and_yields_to_address_and_conversation(gateway):
    ChatApp(model="claude-sonnet-4-5", wire="openai").click("Use for new chats (OpenAI format)")
    assert_target(ChatApp(), "claude-sonnet-4-5", "openai")
    chat = ChatApp(model="gpt-4o")
    assert_target(chat, "gpt-4o", "openai")
    chat.ask("Hello?")
    assert_target(ChatApp(c=chat.conversation), "gpt-4o", "openai")
    assert_target(chat.click("New chat"), "claude-sonnet-4-5", "openai")


def test_the_settings_list_can_be_searched_and_narrowed_to_favourites(gateway):
    chat = ChatApp(page="settings").wait_for("4 chat models · 1 non-chat model hidden · Updated ")
    assert list_vendors(chat) == VENDORS
    chat.set_field("Search models", "anthropic haiku")
    assert list_vendors(chat) == VENDORS[:1]
    chat.click(f"Add {HAIKU} to favourites").set_field("Search models", "")
    assert list_vendors(chat) == VENDORS
    chat.set_field("Provider", "★")
    assert list_vendors(chat) == VENDORS[:1]
    assert ChatApp(page="settings").buttons(f"Remove {HAIKU} from favourites")


def test_the_default_is_set_and_cleared_in_the_settings(gateway):
    chat = ChatApp(page="settings").wait_for("4 chat models")
    chat.set_field("Default model for new chats", "house-model")
    chat.choose_wire("anthropic")
    assert_target(ChatApp(), "house-model", "anthropic")
    chat.set_field("Default model for new chats", None)
    assert_target(ChatApp(), "gpt-4o", "openai")


def test_without_a_model_list_typed_ids_work(gateway):
    gateway.serve("/v1/models", Canned(b'{"detail":"Not Found"}', 404, JSON))
    chat = ChatApp(model="my-own-model").wait_for("This gateway has no model list")
    assert "Hello" in chat.ask("Hello?").answers[-1]
    assert "Hello" in chat.choose_wire("anthropic").ask("And you?").answers[-1]
    assert json.loads(gateway.requests[-1].body)["model"] == "my-own-model"
    chat.click("Add to favourites").open_page("settings")
    assert "no model list" in chat.text
    assert chat.buttons("Remove my-own-model from favourites")


def test_a_model_list_that_cannot_be_refreshed_keeps_the_last_one(gateway):
    chat = ChatApp(page="settings").wait_for("4 chat models")
    gateway.serve("/v1/models", build_model_list("brand-new"))
    chat.click("Refresh").wait_for("5 chat models")
    assert chat.buttons("Add brand-new to favourites")
    gateway.serve("/v1/models", Canned(b'{"error":{"message":"no"}}', 500, JSON))
    chat.click("Refresh").wait_for("could not be refreshed")
    assert "5 chat models" in chat.text


def test_a_wire_that_the_list_does_not_name_is_allowed_with_a_note(gateway):
    chat = ChatApp(model="gpt-4o", wire="anthropic").wait_for("does not list this model for Anthropic format")
    assert_target(chat, "gpt-4o", "anthropic")
    assert "Hello" in chat.ask("Hello?").answers[-1]


def test_facts_of_models_dev_reach_the_page_when_they_have_arrived(gateway, environ):
    environ.setenv("ANTLER_MODELS_DEV_URL", f"{gateway.url}/api.json")
    facts = {
        "id": "claude-opus-9",
        "reasoning": True,
        "attachment": True,
        "limit": {"context": 2_000_000, "output": 128_000},
        "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
        "cost": {"input": 7, "output": 35},
    }
    body = json.dumps({"anthropic": {"id": "anthropic", "models": {"claude-opus-9": facts}}}).encode()
    gateway.serve("/api.json", Canned(body, headers=JSON, mute=True))
    gateway.serve("/v1/models", build_model_list("claude-opus-9"))
    chat = ChatApp(model="claude-opus-9")
    assert "capabilities unknown" in chat.text and "Price unknown" in chat.text
    gateway.resume()
    chat.wait_for("2M context window · images · PDF · thinking")
    chat.wait_for("$7.00 per million input tokens, $35.00 per million output tokens")
    assert sum(request.path == "/api.json" for request in gateway.requests) == 1
    assert all("authorization" not in request.headers for request in gateway.requests if request.path == "/api.json")


def test_the_demo_fetches_no_facts(environ, replay):
    environ.setenv("ANTLER_MODELS_DEV_URL", f"{replay.url}/api.json")
    assert "Price unknown" in ChatApp(model="demo-echo").wait_for("demo-echo").text
    assert replay.requests == []
