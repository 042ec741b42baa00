"""The team's policy on the chat page and in the settings: allowed models and shared prompts."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.policy import PER_USER_SCOPE
from lib.core.prompts import Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.ui.settings import models
from tests.app.model_select import button_data, choose_model, listed_models, selected_model
from tests.app.users import ADMIN, BOB, id_of, page_text

ROOT = User("root")
QUESTION_TEXT = "Asked before"


@pytest.fixture
def restricted_store(store):
    """Group sales may use two models; all other users one, which is none of the two."""
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, ["demo-tour"])
    store.policy.set_allowed_models(ROOT, "group:sales", ["demo-short-memory", "DEMO-THINKE*"])
    return store


def test_the_picker_lists_the_allowed_models(enter, restricted_store):
    restricted_store.preferences.set_favourite(id_of(BOB), "demo-slow", True)
    restricted_store.preferences.set_favourite(id_of(BOB), "demo-thinker", True)
    at = enter("chat", BOB)
    assert {model["id"] for model in listed_models(at)} == {"demo-thinker", "demo-short-memory"}
    assert button_data(at)["favourites"] == ["demo-thinker"]
    assert selected_model(at) == "demo-thinker"
    assert [model["id"] for model in listed_models(enter("chat", ADMIN))] == ["demo-tour"]


def test_a_typed_model_without_permission_is_rejected(enter, restricted_store):
    at = enter("chat", BOB)
    before = button_data(at)
    choose_model(at, "demo-slow")
    assert "You do not have permission to use demo-slow" in at.warning[0].value.replace("\\", "")
    assert selected_model(at) == before["model"]
    # The button takes back what it shows only if its data differ.
    assert button_data(at) != before


def test_a_default_that_is_no_longer_allowed_is_skipped(enter, restricted_store):
    restricted_store.preferences.set_default_target(id_of(BOB), Target("demo-slow", "openai"))
    restricted_store.policy.set_default_target(ROOT, Target("demo-short-memory", "openai"))
    assert selected_model(enter("chat", BOB)) == "demo-short-memory"
    restricted_store.policy.set_default_target(ROOT, Target("demo-tour", "openai"))
    assert selected_model(enter("chat", BOB)) == "demo-thinker"


def captions(at) -> str:
    return "\n".join(caption.value for caption in at.caption).replace("\\", "")


def test_a_conversation_with_a_forbidden_model_shows_the_reason(enter, restricted_store):
    question = Node("q", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
    conversation = Conversation("c", "Forbidden model", 1.0, "q", Target("demo-slow", "openai"))
    restricted_store.messages.save_turn(id_of(BOB), conversation, [question])
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    at.run()
    assert QUESTION_TEXT in page_text(at)
    assert selected_model(at) == "demo-slow"
    assert "You do not have permission to use demo-slow. Choose another model" in captions(at)


def test_an_address_with_a_forbidden_model_shows_the_reason(enter, restricted_store):
    at = enter("chat", BOB)
    at.query_params["model"] = "demo-slow"
    at.run()
    assert "You do not have permission to use demo-slow. Choose another model" in captions(at)


def test_the_settings_list_allowed_models_and_refuse_another_default(enter, restricted_store):
    restricted_store.preferences.set_favourite(id_of(BOB), "demo-slow", True)
    at = enter("settings", BOB, open_tabs={"settings": "models"})
    assert {model["id"] for model in listed_models(at)} == {"demo-thinker", "demo-short-memory"}
    assert "demo-slow" not in page_text(at)
    bob = User(id_of(BOB), groups=("sales",))
    models.set_default(bob, Target("demo-slow", "openai"))
    assert restricted_store.preferences.load(bob.id).default_target is None
    models.set_default(bob, Target("demo-short-memory", "openai"))
    assert restricted_store.preferences.load(bob.id).default_target == Target("demo-short-memory", "openai")


def test_shared_prompts_can_be_selected_in_the_panel(enter, store):
    def prompt_menus(at) -> list[str]:
        return [
            element.proto.label for element in at.get("menu_button") if element.proto.label == "Use a shared prompt"
        ]

    assert prompt_menus(enter("chat", BOB)) == []
    store.prompts.save_team(ROOT, Prompt("p", "persona", "Brief", text="Be brief."))
    at = enter("chat", ADMIN)
    assert prompt_menus(at) == ["Use a shared prompt"]


def test_a_change_on_another_server_counts_for_the_next_question(enter, restricted_store):
    at = enter("chat", BOB)
    assert selected_model(at) == "demo-thinker"
    # Another server writes the database; the policy that this one shows is not read again.
    restricted_store.policy.set_allowed_models(ROOT, "group:sales", ["demo-tour"])
    at.chat_input[0].set_value(QUESTION_TEXT).run()
    assert restricted_store.conversations.page(id_of(BOB), 9) == []
    assert "do not have permission to use this model" in at.warning[0].value
