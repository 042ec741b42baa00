"""The team's policy on the chat page and in the settings: allowed models and shared prompts."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.policy import PER_USER_SCOPE, Prompt
from lib.core.target import Target
from lib.core.user import User
from lib.ui.settings import models
from tests.app.users import ADMIN, BOB, id_of, shown

ROOT = User("root")
SAID = "Said before"


@pytest.fixture
def settled(store):
    """Sales may use two models, everybody else one, which is none of theirs."""
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, ["demo-tour"])
    store.policy.set_allowed_models(ROOT, "group:sales", ["demo-short-memory", "DEMO-THINKE*"])
    return store


def test_the_picker_lists_the_allowed_models(enter, settled):
    settled.preferences.set_favourite(id_of(BOB), "demo-slow", True)
    settled.preferences.set_favourite(id_of(BOB), "demo-thinker", True)
    at = enter("chat", BOB)
    picker = at.selectbox(key="composer.model")
    assert {option.strip("★ ").split(" · ")[0] for option in picker.options} == {
        "demo-thinker",
        "demo-short-memory",
    }
    assert picker.value == "demo-thinker"
    other = enter("chat", ADMIN).selectbox(key="composer.model")
    assert [option.split(" · ")[0] for option in other.options] == ["demo-tour"]


def test_a_default_that_is_no_longer_allowed_is_skipped(enter, settled):
    settled.preferences.set_default_target(id_of(BOB), Target("demo-slow", "openai"))
    settled.policy.set_default_target(ROOT, Target("demo-short-memory", "openai"))
    assert enter("chat", BOB).session_state["composer.model"] == "demo-short-memory"
    settled.policy.set_default_target(ROOT, Target("demo-tour", "openai"))
    assert enter("chat", BOB).session_state["composer.model"] == "demo-thinker"


def captions(at) -> str:
    return "\n".join(one.value for one in at.caption).replace("\\", "")


def test_a_conversation_with_a_forbidden_model_shows_the_reason(enter, settled):
    asked = Node("q", None, Message("user", (TextPart(SAID),)), 1.0)
    talk = Conversation("c", "Hers", 1.0, "q", Target("demo-slow", "openai"))
    settled.messages.save_turn(id_of(BOB), talk, [asked])
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    at.run()
    assert SAID in shown(at)
    assert at.session_state["composer.model"] == "demo-slow"
    assert "You do not have permission to use demo-slow. Choose another model" in captions(at)


def test_the_settings_list_allowed_models_and_refuse_another_default(enter, settled):
    settled.preferences.set_favourite(id_of(BOB), "demo-slow", True)
    at = enter("settings", BOB)
    assert set(at.selectbox(key="models.default").options) == {"demo-thinker", "demo-short-memory"}
    assert "demo-slow" not in shown(at)
    bob = User(id_of(BOB), groups=("sales",))
    models.set_default(bob, Target("demo-slow", "openai"))
    assert settled.preferences.load(bob.id).default_target is None
    models.set_default(bob, Target("demo-short-memory", "openai"))
    assert settled.preferences.load(bob.id).default_target == Target("demo-short-memory", "openai")


def test_shared_prompts_can_be_selected_in_the_panel(enter, store):
    def menus(at) -> list[str]:
        return [one.proto.label for one in at.get("menu_button") if one.proto.label == "Use a shared prompt"]

    assert menus(enter("chat", BOB)) == []
    store.policy.set_prompt(ROOT, "", Prompt("Brief", "Be brief."))
    from_now = enter("chat", ADMIN)
    assert menus(from_now) == ["Use a shared prompt"]
