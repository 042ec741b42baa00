"""Actions on an answer: continue, raise the limit, page, regenerate, wait for a retry, see all details."""

from __future__ import annotations

import re

from tests.app.chat_app import ChatApp

OPENING = "You are reading"


def test_a_continued_answer_is_one_seamless_text(faked, wire):
    chat = ChatApp(model="demo-repeats", wire=wire).ask("Tell me")
    assert "Cut off: token limit reached" in chat.answers[-1]
    chat.click("Continue")
    (answer,) = chat.answers
    assert "nothing is missing" in answer
    assert [answer.count(text) for text in (OPENING, "A short text follows", "café")] == [1, 1, 1]
    assert not chat.buttons("Continue")
    assert "Cut off" not in answer


def test_an_answer_that_a_broken_connection_cut_can_be_continued(faked, wire):
    chat = ChatApp(model="demo-breaks", wire=wire).ask("Tell me")
    before = chat.answers[-1].partition("\n")[0]
    chat.click("Continue")
    assert chat.answers[-1].startswith(before[:60])
    assert len(chat.answers[-1].partition("\n")[0]) > len(before)


def test_regenerating_with_a_higher_limit_doubles_max_tokens(faked):
    chat = ChatApp(model="demo-cut-by-length", wire="openai").ask("Tell me").click("Retry with a higher limit")
    assert "2 / 2" in chat.text
    assert chat.field("Max tokens").value == 60


def test_alternatives_are_paged_and_the_next_question_follows_the_shown_one(faked):
    chat = ChatApp(model="demo-crlf", wire="openai", is_panel_open=True).fill("Number of answers", 3).ask("Which?")
    assert "1 / 3" in chat.text
    assert chat.buttons("Previous version")[0].disabled
    chat.click("Next version").click("Next version")
    assert "3 / 3" in chat.text
    assert chat.buttons("Next version")[0].disabled
    chat.click("Regenerate")
    assert re.search(r"4 / \d", chat.text)
    chat.click("Previous version")
    assert re.search(r"3 / \d", chat.text)
    chat.choose_model("demo-wrong-key").ask("And then?")
    assert len(chat.answers) == 2
    chat.click("Previous version", 0)
    assert chat.questions == ["Which?"]
    chat.click("Next version")
    assert chat.questions == ["Which?", "And then?"]


def test_a_rejected_parameter_is_left_out_by_itself(faked, wire):
    chat = ChatApp(model="demo-no-temperature", wire=wire, is_panel_open=True).fill("Temperature", 0.5).ask("Warm?")
    assert "nothing is missing" in chat.answers[-1]
    assert "| Sent again | without Temperature" in chat.text
    assert chat.field("Temperature").value == 0.5


def test_all_details_of_an_answer_are_listed(faked, wire):
    chat = ChatApp(model="demo-thinker", wire=wire).ask("Tell me all")
    fields = {
        "openai": ["id", "model", "usage.completion_tokens", "request_id"],
        "anthropic": ["id", "model", "usage.input_tokens", "usage.output_tokens", "request_id"],
    }
    for name in fields[wire]:
        assert f"| {name} |" in chat.text
    assert {"openai": "complete · stop", "anthropic": "complete · end_turn"}[wire] in chat.text


def test_without_streaming_the_answer_is_rendered_at_once(faked, wire):
    chat = ChatApp(model="demo-echo", wire=wire, is_panel_open=True).fill("Stream the answer", False).ask("All at once")
    assert "All at once" in chat.answers[-1]
    assert '"stream": true' not in chat.answers[-1]
    assert re.search(r"\d+ in · \d+ out", chat.text)
