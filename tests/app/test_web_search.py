"""Web search: the switch beside the model, searches and sources in the answer, refusals, and their cost."""

from __future__ import annotations

import json
from typing import Any

from lib.core.target import Target
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.support.replay import JSON, Canned, Replay

CLAUDE = "claude-sonnet-4-5"
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
CALL = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "tides *today*"}}
PAGES = [{"type": "web_search_result", "title": f"[Tide] {n}", "url": f"https://t{n}.example/"} for n in (1, 2)]
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": PAGES}
CITATION = {
    "type": "web_search_result_location",
    "url": "https://t1.example/",
    "title": "[Tide] 1",
    "cited_text": "Hi.",
}
FAILED = {
    "type": "web_search_tool_result",
    "tool_use_id": "s2",
    "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
}
SEARCHED = [
    CALL,
    FOUND,
    {**CALL, "id": "s2", "input": {"query": "more"}},
    FAILED,
    {"type": "text", "text": "At noon.", "citations": [CITATION]},
]


def message(*blocks: dict[str, Any], searches: int = 0) -> Canned:
    usage = {"input_tokens": 9, "output_tokens": 3, "server_tool_use": {"web_search_requests": searches}}
    body = {"type": "message", "content": list(blocks), "stop_reason": "end_turn", "usage": usage}
    return Canned(f"data: {json.dumps(body)}\n\n".encode())


CHUNK = Canned(b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n')
ANSWERS = {"openai": CHUNK, "anthropic": message({"type": "text", "text": "Yes."})}


def switches(chat: ChatApp) -> list[Any]:
    return [toggle for toggle in chat.at.toggle if toggle.label == "Search the web"]


def turn_on(chat: ChatApp) -> ChatApp:
    (switch,) = switches(chat)
    switch.set_value(True).run()
    return chat


def sent(gateway: Replay, wire: str) -> list[dict[str, Any]]:
    return [request.json for request in gateway.requests if request.path == PATHS[wire]]


def test_the_switch_is_there_for_models_with_a_search_and_is_kept(keyed, wire):
    keyed.serve(PATHS[wire], ANSWERS[wire])
    assert switches(ChatApp(model="m-one", wire=wire)) == []
    chat = ChatApp(model=CLAUDE, wire=wire).ask("Before?")
    turn_on(chat).fill("City", "Munich").ask("After?")
    fields = [{"tools", "web_search_options"} & set(body) for body in sent(keyed, wire)]
    assert fields == [set(), {"tools" if wire == "anthropic" else "web_search_options"}]
    assert "Munich" in json.dumps(sent(keyed, wire)[-1])
    (switch,) = switches(ChatApp(c=chat.conversation))
    assert switch.value is True


def test_searches_and_their_results_are_part_of_the_answer(keyed):
    keyed.serve(PATHS["anthropic"], message(*SEARCHED, searches=2))
    chat = turn_on(ChatApp(model=CLAUDE, wire="anthropic")).ask("When?")
    answer = chat.answers[0]
    steps = ["Searched for “tides *today*” · 2 results", "[Tide] 1", "Searched for “more” · the limit of searches was"]
    assert [answer.index(text) for text in (*steps, "At noon.", "Sources · 1")] == sorted(
        answer.index(text) for text in (*steps, "At noon.", "Sources · 1")
    )
    (listed,) = [element.value for element in chat.at.main.markdown if "t2.example" in element.value]
    assert "](<https://t1.example/>) · t1" in listed and "](<https://t2.example/>) · t2" in listed
    assert "| Web searches | 2 |" in chat.text
    assert resources.store().usage.total().usage.searches == 2


def test_a_model_that_always_searches_has_a_fixed_switch(keyed):
    keyed.serve(PATHS["openai"], CHUNK)
    chat = (
        ChatApp(model="m-one", wire="openai", is_panel_open=True)
        .set_field("Temperature", 0.5)
        .choose_model("gpt-4o-search-preview")
    )
    (switch,) = switches(chat)
    assert (switch.value, switch.disabled) == (True, True)
    assert "Temperature: not supported by this model family" in chat.text
    chat.ask("When?")
    assert not {"temperature", "web_search_options"} & set(sent(keyed, "openai")[0])


def test_a_refused_search_is_repaired_and_the_switch_says_so(keyed, wire):
    words = "Web search is not enabled for this organization."
    error = {"error": {"message": words, "type": "invalid_request_error"}}
    keyed.serve(PATHS[wire], Canned(json.dumps(error).encode(), 400, JSON), ANSWERS[wire])
    chat = turn_on(ChatApp(model=CLAUDE, wire=wire)).ask("When?")
    assert "Yes." in chat.answers[-1]
    assert f"| Sent again | without Search the web: {words} |" in chat.text
    (stored,) = resources.store().refused_params.load()
    assert (stored.target, stored.param_name) == (Target(CLAUDE, wire), "web_search")
    (switch,) = switches(chat.run())
    assert (switch.value, switch.disabled) == (False, True)
    assert f"Search the web: {CLAUDE} refused this on" in switch.help.replace("\\", "")
    chat.ask("And now?")
    assert not {"tools", "web_search_options"} & set(sent(keyed, wire)[-1])


def test_the_operator_turns_the_search_off(keyed, monkeypatch):
    monkeypatch.setenv("ANTLER_WEB_SEARCH", "off")
    resources.settings.clear()
    keyed.serve(PATHS["anthropic"], ANSWERS["anthropic"])
    chat = ChatApp(model=CLAUDE, wire="anthropic").ask("When?")
    assert switches(chat) == [] and "tools" not in sent(keyed, "anthropic")[0]
