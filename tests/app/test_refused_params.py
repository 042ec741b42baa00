"""Refused parameters and refused requests: learnt once, said on the page, reset by admins, never sent unchanged."""

from __future__ import annotations

import json

import pytest

from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.users import page_text
from tests.support.replay import JSON, Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
ANSWERS = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n',
    "anthropic": b'data: {"type":"message","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn"}\n\n',
}


def refusal(message: str) -> Canned:
    return Canned(json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode(), 400, JSON)


def bodies(keyed, wire: str) -> list[dict]:
    return [request.json for request in keyed.requests if request.path == PATHS[wire]]


def test_a_refused_parameter_is_learnt_once_and_announced(keyed, wire):
    answer = Canned(ANSWERS[wire])
    keyed.serve(PATHS[wire], refusal("`top_p` is deprecated for this model."), answer)
    chat = ChatApp(model="m-one", wire=wire, is_panel_open=True).fill("Top p", 0.5).ask("Will it work?")
    assert "Yes." in chat.answers[-1]
    assert "1 / 2" not in chat.text
    assert "| Sent again | without Top p: `top_p` is deprecated for this model |" in chat.text
    # The panel may have been rendered before the gateway refused.
    assert "Top p: m-one refused this on" in chat.run().text
    (stored,) = resources.store().refused_params.load()
    assert (stored.target, stored.field) == (Target("m-one", wire), "top_p")
    chat.ask("And again?")
    assert [body.get("top_p") for body in bodies(keyed, wire)] == [0.5, None, None]
    other_user = ChatApp(model="m-one", wire=wire, browser="4567", is_panel_open=True)
    assert "Top p: m-one refused this on" in other_user.text
    assert "refused this on" not in other_user.choose_model("m-two").text


def test_a_refused_request_is_offered_with_a_change_only(keyed):
    keyed.serve(PATHS["openai"], refusal("The question is not nice."))
    keyed.serve(PATHS["anthropic"], Canned(ANSWERS["anthropic"]))
    chat = ChatApp(model="m-one", wire="openai").ask("Hello?")
    assert "found an error in the request" in chat.at.error[0].value
    assert "The question is not nice." in [code.value for code in chat.at.code]
    assert not chat.buttons("Regenerate") and not chat.buttons("Retry")
    assert "will refuse the same request again" in chat.text
    chat.set_field("Temperature", 0.5)
    assert chat.buttons("Regenerate")
    chat.set_field("Temperature", None)
    assert not chat.buttons("Regenerate")
    chat.click("Retry in Anthropic format")
    assert "Yes." in chat.answers[-1]
    assert [len(bodies(keyed, wire)) for wire in PATHS] == [1, 1]


def test_a_refused_request_can_go_to_another_model(keyed):
    keyed.serve(PATHS["openai"], refusal("The question is not nice."), Canned(ANSWERS["openai"]))
    chat = ChatApp(model="m-one", wire="openai").ask("Hello?")
    (menu,) = [menu for menu in chat.at.main.get("menu_button") if menu.label == "Retry with another model"]
    assert [option.replace("\\", "") for option in menu.options] == ["m-two"]
    menu.click_index(0)
    chat.run()
    assert "Yes." in chat.answers[-1]
    assert [body["model"] for body in bodies(keyed, "openai")] == ["m-one", "m-two"]


def test_a_named_parameter_is_removed_with_one_click(keyed, wire):
    keyed.serve(PATHS[wire], refusal("temperature must be 0.7 on Mondays"), Canned(ANSWERS[wire]))
    chat = ChatApp(model="m-one", wire=wire, is_panel_open=True).fill("Temperature", 0.5).ask("Warm?")
    (button,) = [button for button in chat.at.button if button.key == "without"]
    assert "Temperature" in button.label
    chat.click(button.label)
    assert "Yes." in chat.answers[-1]
    assert chat.field("Temperature").value is None


def test_extra_json_that_is_named_is_removed_with_one_click(keyed):
    keyed.serve(PATHS["openai"], refusal("Unrecognized request argument supplied: foo"), Canned(ANSWERS["openai"]))
    chat = ChatApp(model="m-one", wire="openai", is_panel_open=True).fill("Extra JSON", '{"foo": 1}').ask("Hello?")
    chat.click("Retry without Extra JSON")
    assert "Yes." in chat.answers[-1]
    assert [body.get("foo") for body in bodies(keyed, "openai")] == [1, None]


@pytest.mark.parametrize("is_all", [False, True])
def test_an_admin_sees_and_resets_refused_parameters(enter, store, is_all):
    section = {"open_tabs": {"admin": "refused_params"}}
    assert "No model has refused a parameter" in page_text(enter("admin", **section))
    openai = RefusedParam(Target("m-one", "openai"), "top_p", "temperature", 1764374400.0, "not `both` of them")
    anthropic = RefusedParam(Target("m-one", "anthropic"), "stream_options", "", 1764374401.0, "unknown")
    for refused in (openai, anthropic):
        store.refused_params.learn(refused)
    at = enter("admin", **section)
    (table,) = [element.value for element in at.markdown if element.value.startswith("| Model")]
    assert "Top p together with Temperature" in table
    assert "Nov 29, 2025" in table
    assert "not \\`both\\` of them" in table
    assert "stream\\_options" in table
    select = next(element for element in at.selectbox if element.label == "Parameter to reset")
    if is_all:
        next(button for button in at.button if button.label == "Reset all").click().run()
        assert store.refused_params.load() == []
    else:
        select.select_index(1).run()
        next(button for button in at.button if button.label == "Reset").click().run()
        assert store.refused_params.load() == [anthropic]
    assert store.audit.page(1)[0].action == "refused_params_reset"
