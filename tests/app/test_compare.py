"""The compare page: several models at once, blind votes, what is kept, the history and the table of votes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.core.comparisons import Comparison, Vote
from lib.core.policy import PER_USER_SCOPE, Limit, Limits
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.settings import data
from tests.app import model_select
from tests.app.chat_app import ChatApp, read_text
from tests.support.replay import JSON, Canned, Replay

USAGE = {"prompt_tokens": 40, "completion_tokens": 20}


def openai_answer(text: str) -> Canned:
    chunk = {"id": "1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}], "usage": USAGE}
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


def prepare(chat: ChatApp, *models: str, prompt: str = "Which animal?") -> ChatApp:
    """Fill in the fields of a new comparison."""
    while f"Model {len(models)}" not in model_select.list_labels(chat.at):
        chat.click("Add a model")
    if prompt:
        chat.fill("Prompt", prompt)
    return chat.choose_models({f"Model {number}": model for number, model in enumerate(models, 1)})


def compare(*models: str) -> ChatApp:
    return prepare(ChatApp("compare"), *models).click(f"Ask {len(models)} models")


def columns(chat: ChatApp) -> list[str]:
    return [read_text(column) for column in chat.at.main.columns]


def stored() -> list[Comparison]:
    return resources.store().comparisons.page("browser:0123", 9)


def sent_bodies(gateway: Replay) -> list[dict[str, Any]]:
    return [request.json for request in gateway.requests if request.method == "POST"]


def test_answers_stand_side_by_side_with_their_figures(gateway):
    chat = ChatApp("compare").choose_model("gpt-4o", "Model 1").choose_model("claude-sonnet-4-5", "Model 2")
    chat.set_field("Prompt", "Which animal?")
    assert "for 2 answers" in chat.text
    chat.click("Ask 2 models")
    first, second = columns(chat)
    assert "A · gpt-4o" in first and "OpenAI format" in first and "The quick brown fox" in first
    assert "B · claude-sonnet-4-5" in second and "Anthropic format" in second and "The slow brown dog" in second
    assert "first token" in first and "40 in · 20 out · $" in first and " s · " in second
    assert "Which animal?" in chat.questions[0]
    # No list of chats shows the columns, and the address of one does not either.
    assert "Which animal?" not in chat.sidebar
    (comparison,) = stored()
    assert ChatApp(c=comparison.columns[0].conversation_id).questions == []
    assert "/v1/chat/completions" in chat.click("Inspect answer A").text


@pytest.fixture
def blind(gateway) -> ChatApp:
    """A page with two answers from unknown models."""
    chat = prepare(ChatApp("compare"), "gpt-4o", "claude-sonnet-4-5")
    return chat.fill("Blind comparison", True).click("Ask 2 models")


def test_a_blind_comparison_tells_no_source_before_the_vote(blind):
    first, second = shown = columns(blind)
    assert first.startswith("**Answer A**") and second.startswith("**Answer B**")
    assert sorted("fox" in column for column in shown) == [False, True]
    protos = [str(element.proto) for column in blind.at.main.columns for element in column]
    for secret in ("gpt", "claude", "OpenAI", "Anthropic", "first token", " in ·"):
        assert secret not in " ".join([*shown, *protos]), secret
    assert "In random order: claude-sonnet-4-5, gpt-4o" in blind.text
    # A reload keeps the order and the secret.
    again = ChatApp("compare", comparison=stored()[0].id)
    assert columns(again) == shown
    again.click("A is best")
    winner = stored()[0].columns[0].target.model
    assert f"Best: A · **{winner}**" in again.text and f"A · {winner}" in columns(again)[0]
    assert "first token" in columns(again)[0] and not again.buttons("Change vote")


def test_requests_and_refusals_tell_no_source_before_the_vote(blind):
    store = resources.store()
    assert "No requests are recorded yet" in ChatApp("inspector").text
    store.policy.set_allowed_models(User("root"), PER_USER_SCOPE, ("house-*",))
    resources.policy.clear()
    blind.click("Regenerate answer A")
    assert "Answer A cannot be regenerated now" in blind.text and "permission" not in blind.text
    store.comparisons.set_vote("browser:0123", stored()[0].id, Vote("tie"))
    listed = ChatApp("inspector").text
    assert "gpt-4o" in listed and "claude-sonnet-4-5" in listed


def test_votes_are_counted_by_model_and_by_format(gateway):
    compare("gpt-4o", "claude-sonnet-4-5").click("A is best")
    chat = compare("gpt-4o", "claude-sonnet-4-5", "house-model").click("Tie").click("Change vote").click("All are bad")
    chat.click("All comparisons")
    assert "gpt-4o, house-model · All are bad" in chat.text and "Best: A · **gpt-4o**" in chat.text
    chat.open_page("compare", tab="votes")
    assert "| gpt-4o | 2 | 1 | 0 | 1 | 50% | 9% – 91% |" in chat.text
    assert "| house-model | 1 | 0 | 0 | 1 | 0% | 0% – 79% |" in chat.text
    chat.set_field("Group votes by", "wire")
    assert "| OpenAI format | 2 | 1 | 0 | 1 |" in chat.text


def test_a_column_that_fails_leaves_the_others_alone_and_is_asked_again(gateway):
    gateway.serve("/v1/messages", Canned(b'{"error":{"message":"Busy"}}', 503, JSON), anthropic_answer("A dog"))
    chat = compare("claude-sonnet-4-5", "gpt-4o")
    failed, answered = columns(chat)
    assert "fox" in answered and "Busy" in failed
    chat.click("Regenerate answer A")
    assert "A dog" in columns(chat)[0] and "Busy" not in columns(chat)[0] and "fox" in columns(chat)[1]


def test_each_model_has_its_own_parameters_and_all_have_one_system_prompt(gateway):
    chat = prepare(ChatApp("compare"), "gpt-4o", "gpt-4o").fill("System prompt for all models", "Be brief.")
    temperatures = [field for field in chat.at.number_input if field.label.startswith("Temperature")]
    temperatures[1].set_value(0.5)
    chat.run().click("Ask 2 models")
    bodies = sent_bodies(gateway)
    assert sorted(str(body.get("temperature")) for body in bodies) == ["0.5", "None"]
    assert all(body["messages"][0]["content"] == "Be brief." for body in bodies)
    assert "Temperature 0.5" in columns(chat)[1] and "Temperature" not in columns(chat)[0]
    chat.click("Compare again")
    assert chat.field("Prompt").value == "Which animal?"
    assert chat.field("System prompt for all models").value == "Be brief."
    assert [field.value for field in chat.at.number_input if field.label.startswith("Temperature")] == [None, 0.5]


def test_a_limit_that_does_not_allow_all_sends_nothing_and_names_the_sum(gateway):
    chat = prepare(ChatApp("compare"), "gpt-4o", "claude-sonnet-4-5", "house-model")
    limits = Limits(requests_minute=Limit(hard=2))
    resources.store().policy.set_limits(User("root"), PER_USER_SCOPE, limits)
    chat.click("Ask 3 models")
    assert "3 requests" in chat.text and "2 requests" in chat.text
    assert sent_bodies(gateway) == [] and stored() == []
    assert chat.field("Prompt").value == "Which animal?"


def test_as_many_answers_may_run_as_the_server_allows(gateway, environ):
    environ.setenv("ANTLER_MAX_RUNNING", "2")
    resources.settings.clear()
    chat = prepare(ChatApp("compare"), "gpt-4o", "claude-sonnet-4-5", "house-model")
    assert "each of the 3 answers counts, and up to 2 of your answers can run at once" in chat.text
    chat.click("Ask 3 models")
    assert sent_bodies(gateway) == [] and stored() == []


def test_an_answer_is_kept_as_a_chat_or_in_the_chat_that_it_came_from(gateway):
    chat = ChatApp(model="gpt-4o", wire="openai").ask("First?").ask("Which animal?")
    original = chat.conversation
    chat.choose_action(-1, "Compare models").open_page("compare")
    assert "Asks a question of “First?” again" in chat.text
    prepare(chat, "gpt-4o", "claude-sonnet-4-5", prompt="").click("Ask 2 models")
    assert [message["content"] for message in sent_bodies(gateway)[-1]["messages"]][0] != "Which animal?"
    chat.click("Keep answer A as a chat")
    assert "Which animal?" in chat.sidebar and chat.buttons("Open the chat of answer A")
    chat.click("Add answer B to the original chat").open_page("chat")
    opened = ChatApp(c=original)
    assert "dog" in opened.answers[-1] and len(opened.questions) == 2 and "2 / 2" in opened.text


def test_a_recorded_request_leads_to_its_comparison(gateway):
    compare("gpt-4o", "claude-sonnet-4-5").click("Keep answer B as a chat")
    for exchange in resources.store().exchanges.recent("browser:0123", 9):
        (link,) = [
            each for each in ChatApp("inspector", exchange=exchange.id).at.get("page_link") if "Open" in each.label
        ]
        is_kept = exchange.target.model == "claude-sonnet-4-5"
        query = f"c={exchange.conversation_id}" if is_kept else f"comparison={stored()[0].id}"
        assert (link.label, link.proto.query_string) == (
            "Open the chat" if is_kept else "Open the comparison",
            query,
        )


def test_a_deleted_comparison_can_be_restored(gateway):
    chat = compare("gpt-4o", "claude-sonnet-4-5").click("Delete comparison")
    assert "Comparison deleted." in chat.text and "No comparisons yet" in chat.text
    chat.click("Undo")
    assert "Which animal?" in chat.text
    assert "This comparison no longer exists." in ChatApp("compare", comparison="gone").text


def test_answers_can_be_told_apart_word_by_word(gateway):
    chat = compare("gpt-4o", "claude-sonnet-4-5")
    chat.at.session_state["compare-differences"] = True
    chat.run()
    assert "50% of the words are the same" in chat.text
    html = next(element.proto.body for element in chat.at.get("html") if "antler-differences" in element.proto.body)
    assert "<del>" in html and "−</span>quick" in html and "+</span>slow" in html


def test_comparisons_and_recorded_requests_are_exported_with_all_data_and_imported(gateway):
    chat = compare("gpt-4o", "house-model").click("Tie")
    export = data._export_all(User("browser:0123"), "zip")
    before = stored(), list(resources.store().exchanges.export_all("browser:0123"))
    assert (len(before[0]), len(before[1])) == (1, 2)
    chat.at.session_state["open_tabs"] = {"settings": "data"}
    chat.open_page("settings").set_field("Yes, delete", True).click("Delete everything")
    assert stored() == []
    chat.at.get("file_uploader")[0].upload("export.zip", export, "application/zip")
    chat.run().click("Import")
    assert "1 comparison was imported" in chat.text and "2 recorded requests were imported" in chat.text
    exchanges = list(resources.store().exchanges.export_all("browser:0123"))
    assert (stored(), {each.node_id for each in exchanges}) == (before[0], {each.node_id for each in before[1]})
    assert data._export_all(User("browser:0123"), "zip") == export
