"""Models on the chat page and in the settings: favourites, the default, capabilities, the model list."""

from __future__ import annotations

import json

import pytest
from streamlit.runtime.scriptrunner_utils.exceptions import StopException

from lib.core.user import User
from lib.ui.widgets import model_access
from tests.app.chat_app import ChatApp
from tests.app.model_select import LIST_FIELDS, button_data, choose_model, encoded_list, listed_models, send_state
from tests.support.replay import JSON, Canned, Replay

OPENAI_ANSWER = (
    b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
ANTHROPIC_ANSWER = b'data: {"type":"message","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}\n\n'
VENDORS = ["## Anthropic", "## OpenAI", "## Other"]
HAIKU = "claude-3-haiku-20240307"
DEFAULT = "Default model for new chats"


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
    return [markdown.value for markdown in chat.at.main.markdown if markdown.value.startswith("## ")]


def assert_target(chat: ChatApp, model: str, wire: str) -> None:
    assert (chat.model, chat.field("API format").value) == (model, wire)


def ids(chat: ChatApp) -> list[str]:
    return [model["id"] for model in listed_models(chat.at)]


def test_the_capabilities_of_the_chosen_model_are_shown(gateway):
    chat = ChatApp(model="claude-sonnet-4-5", is_panel_open=True)
    assert "200k context window · images · PDF · thinking" in chat.text
    # Its section has the name of the model, and begins closed for another one.
    chat.choose_model("house-model").open_panel()
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
    chat = ChatApp(model="claude-a", is_panel_open=True)
    assert [(model["id"], model["note"]) for model in listed_models(chat.at)] == [
        ("claude-a", "retires on Dec 31, 2999"),
        ("claude-b", "retirement was due on Jan 1, 2020"),
        ("claude-c", "deprecated"),
        ("claude-d", ""),
    ]
    assert "capabilities unknown · retires on Dec 31, 2999" in chat.text
    assert_target(chat.choose_model("claude-b"), "claude-b", "anthropic")


def test_the_list_has_vendor_price_context_and_capabilities(gateway):
    entries = [
        {
            "id": "acme/one",
            "display_name": "One",
            "context_length": 128_000,
            "pricing": {"prompt": "0.0000025", "completion": "0.00001"},
            "architecture": {"input_modalities": ["text", "image"]},
            "supported_parameters": ["tools", "reasoning"],
        },
        {"id": "cheap", "pricing": {"prompt": "0.000000075", "completion": "0", "request": "0"}},
        {"id": "once", "pricing": {"prompt": "0", "completion": "0", "request": "0.03"}},
        {"id": "<script>alert(1)</script>"},
    ]
    gateway.serve("/v1/models", Canned(json.dumps({"data": entries}).encode(), headers=JSON))
    listed = {model["id"]: model for model in listed_models(ChatApp(model="acme/one").at)}
    assert listed["acme/one"] == dict(
        zip(LIST_FIELDS, ("acme/one", "One", "acme", "$2.50", "$10", "128k", "vtf", ""), strict=True)
    )
    assert (listed["cheap"]["input"], listed["cheap"]["output"], listed["cheap"]["context"]) == ("$0.075", "$0", "")
    assert (listed["once"]["input"], listed["once"]["output"]) == ("$0.03 per request", "")
    assert listed["<script>alert(1)</script>"]["input"] == ""


def test_a_star_is_kept_for_another_session_until_removed(gateway):
    chat = ChatApp(model="gpt-4o").star_model("house-model")
    assert button_data(chat.at)["favourites"] == ["house-model"]
    other = ChatApp(model="gpt-4o")
    assert button_data(other.at)["favourites"] == ["house-model"]
    # The browser repeats its last press with each run, which undoes nothing of what came after it.
    other.star_model("house-model", False)
    assert button_data(chat.run().at)["favourites"] == []
    assert "Hello" in chat.ask("Hello?").answers[-1]


def test_the_models_used_last_come_first_except_those_of_temporary_chats(gateway):
    chat = ChatApp(model="gpt-4o").ask("Hello?").choose_model("house-model").ask("And you?")
    assert button_data(chat.run().at)["recent"] == ["house-model", "gpt-4o"]
    chat.choose_model("gpt-4o").click("Regenerate")
    temporary = ChatApp(model="claude-sonnet-4-5").click("Temporary chat").ask("Hello?")
    assert button_data(temporary.run().at)["recent"] == ["gpt-4o", "house-model"]


def test_a_choice_counts_once_and_only_in_its_conversation(gateway):
    chat = ChatApp(model="gpt-4o").choose_model("house-model").ask("Hello?")
    choose_model(chat.at, "gpt-4o", nonce="repeated")
    assert chat.model == "gpt-4o"
    first = chat.conversation
    chat.click("New chat").choose_model("claude-sonnet-4-5")
    choose_model(chat.at, "house-model", scope=first)
    assert chat.model == "claude-sonnet-4-5"
    reopened = ChatApp(c=first).choose_model("house-model")
    choose_model(reopened.at, "gpt-4o", nonce="once more")
    reopened.choose_model("house-model")
    assert reopened.run().model == "house-model"


def test_a_choice_and_a_question_in_one_message_of_the_browser_go_together(gateway):
    chat = ChatApp(model="gpt-4o")
    chat.at.chat_input[0].set_value("Hello?")
    choose_model(chat.at, "house-model")
    assert json.loads(gateway.requests[-1].body)["model"] == "house-model"


def test_a_choice_that_the_next_message_interrupts_is_applied_by_that(gateway, monkeypatch):
    chat = ChatApp(model="gpt-4o")
    is_allowed, interruptions = model_access.is_model_allowed, [StopException()]

    def interrupt(user: User, model_id: str) -> bool:
        if interruptions:
            raise interruptions.pop()
        return is_allowed(user, model_id)

    monkeypatch.setattr(model_access, "is_model_allowed", interrupt)
    chat.choose_model("house-model")
    assert not interruptions
    chat.at.run()
    assert_target(chat, "house-model", "openai")


def test_a_malformed_choice_changes_nothing(gateway):
    chat = ChatApp(model="gpt-4o")
    for number, choice in enumerate([None, 7, [], {}, {"model": 7}, {"model": None, "nonce": []}, {"model": " "}]):
        scope = {"scope": "new", "nonce": f"n{number}"} if isinstance(choice, dict) else {}
        send_state(chat.at, "antler.model_select", {"choice": {**scope, **choice} if scope else choice})
        send_state(chat.at, "antler.model_list", {"favourites": choice})
        assert not chat.at.exception and chat.model == "gpt-4o", choice
    assert chat.run().model == "gpt-4o"


def test_the_list_is_the_same_message_in_each_run(gateway):
    chat = ChatApp(model="gpt-4o")
    before = encoded_list(chat.at)
    chat.choose_model("house-model").ask("Hello?").star_model("gpt-4o")
    assert encoded_list(chat.at) == before
    assert ids(chat) == [HAIKU, "claude-sonnet-4-5", "gpt-4o", "house-model", "painter"]


def test_a_default_applies_to_new_chats_and_yields_to_address_and_conversation(gateway):
    ChatApp(model="claude-sonnet-4-5", wire="openai", is_panel_open=True).click("Use for new chats (OpenAI format)")
    assert_target(ChatApp(is_panel_open=True), "claude-sonnet-4-5", "openai")
    chat = ChatApp(model="gpt-4o", is_panel_open=True)
    assert_target(chat, "gpt-4o", "openai")
    chat.ask("Hello?")
    assert_target(ChatApp(c=chat.conversation, is_panel_open=True), "gpt-4o", "openai")
    assert_target(chat.click("New chat"), "claude-sonnet-4-5", "openai")


def test_the_settings_list_can_be_searched_and_narrowed_to_favourites(gateway):
    chat = ChatApp(page="settings", tab="models").wait_for("4 chat models · 1 image model · Updated ")
    assert list_vendors(chat) == VENDORS
    chat.set_field("Search models", "anthropic haiku")
    assert list_vendors(chat) == VENDORS[:1]
    chat.click(f"Add {HAIKU} to favourites").set_field("Search models", "")
    assert list_vendors(chat) == VENDORS
    chat.set_field("Provider", "★")
    assert list_vendors(chat) == VENDORS[:1]
    assert ChatApp(page="settings", tab="models").buttons(f"Remove {HAIKU} from favourites")


def test_the_default_is_set_and_cleared_in_the_settings(gateway):
    chat = ChatApp(page="settings", tab="models").wait_for("4 chat models")
    chat.choose_model("house-model", DEFAULT)
    chat.choose_wire("anthropic")
    assert_target(ChatApp(is_panel_open=True), "house-model", "anthropic")
    chat.choose_model("", DEFAULT)
    assert_target(ChatApp(is_panel_open=True), "gpt-4o", "openai")


def test_without_a_model_list_typed_ids_work(gateway):
    gateway.serve("/v1/models", Canned(b'{"detail":"Not Found"}', 404, JSON))
    chat = ChatApp(model="my-own-model").wait_for("This gateway has no model list")
    assert "Hello" in chat.ask("Hello?").answers[-1]
    assert "Hello" in chat.choose_wire("anthropic").ask("And you?").answers[-1]
    assert json.loads(gateway.requests[-1].body)["model"] == "my-own-model"
    chat.star_model("my-own-model").open_page("settings", "models")
    assert "no model list" in chat.text
    assert chat.buttons("Remove my-own-model from favourites")


def test_a_model_list_that_cannot_be_refreshed_keeps_the_last_one(gateway):
    chat = ChatApp(page="settings", tab="models").wait_for("4 chat models")
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
    chat = ChatApp(model="claude-opus-9", is_panel_open=True)
    assert "capabilities unknown" in chat.text and "Price unknown" in chat.text
    gateway.resume()
    chat.wait_for("2M context window · images · PDF · thinking")
    chat.wait_for("$7.00 per million input tokens, $35.00 per million output tokens")
    assert sum(request.path == "/api.json" for request in gateway.requests) == 1
    assert all("authorization" not in request.headers for request in gateway.requests if request.path == "/api.json")


def test_the_demo_fetches_no_facts(environ, replay):
    environ.setenv("ANTLER_MODELS_DEV_URL", f"{replay.url}/api.json")
    assert "Price unknown" in ChatApp(model="demo-echo", is_panel_open=True).text
    assert replay.requests == []
