"""Answers of more than text: images, sources and named content on the page, over both wires."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.app.chat_app import ChatApp
from tests.support.replay import Canned

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + (10).to_bytes(4, "big") * 2).decode()
DATA_URL = f"data:image/png;base64,{PNG}"


def serve(gateway, path: str, *events: dict[str, Any]) -> None:
    gateway.serve(path, Canned(b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)))


def serve_chunks(gateway, *deltas: dict[str, Any], reason: str = "stop", **fields: Any) -> None:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **fields}
    serve(gateway, "/v1/chat/completions", *chunks, end)


def image_urls(chat: ChatApp) -> list[str]:
    return [image.url for element in chat.at.main.get("image") for image in element.proto.imgs]


def test_an_image_is_shown_from_its_data_and_one_of_another_host_as_a_link(keyed):
    link = {"type": "image_url", "image_url": {"url": "https://files.example/b.png"}}
    serve_chunks(keyed, {"content": "Look:"}, {"images": [{"image_url": {"url": DATA_URL}}]}, {"content": [link]})
    chat = ChatApp().ask("Draw")
    assert image_urls(chat) == [DATA_URL]
    (button,) = chat.at.main.get("link_button")
    assert button.proto.url == "https://files.example/b.png"
    assert button.proto.label.endswith("files\\.example")
    assert "Empty answer" not in chat.answers[0]
    assert chat.run().answers[0].startswith("Look:")


def test_an_image_alone_is_an_answer(keyed):
    serve_chunks(keyed, {"images": [{"image_url": {"url": DATA_URL}}]})
    chat = ChatApp().ask("Draw")
    assert image_urls(chat) == [DATA_URL]
    assert "without" not in chat.answers[0]
    assert chat.buttons("Regenerate")


def test_sources_are_listed_below_the_answer_by_their_numbers(keyed):
    serve_chunks(keyed, {"content": "See [1] and [2]."}, citations=["https://a.example/1", "javascript:alert(1)"])
    chat = ChatApp().ask("Why")
    assert "Sources · 2" in chat.answers[0]
    (listed,) = [element.value for element in chat.at.main.markdown if element.value.startswith("1. ")]
    assert "](<https://a.example/1>)" in listed
    assert "\n2. javascript" in listed and "(<javascript" not in listed


def test_results_of_server_tools_are_named_with_their_json(keyed):
    call = {"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {"url": "t.example/a"}}
    text = {"type": "text_delta", "text": "At noon."}
    serve(
        keyed,
        "/v1/messages",
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_delta", "index": 1, "delta": text},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    )
    chat = ChatApp().choose_wire("anthropic").ask("When")
    assert "Tool call · web_fetch · t.example/a" in chat.answers[0]
    assert '"url": "t.example/a"' in chat.answers[0]
    assert chat.answers[0].index("Tool call") < chat.answers[0].index("At noon.")


def test_an_unknown_finish_reason_is_quoted(keyed):
    serve_chunks(keyed, {"content": "Half"}, reason="new_one")
    chat = ChatApp().ask("Why")
    assert "“new_one”" in chat.answers[0]
    assert chat.buttons("Continue")
