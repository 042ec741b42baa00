"""Documents that a model wrote with a tool, and answers of which nothing else is left."""

import json
from typing import Any

import pytest

from lib.core import tree
from lib.transfer import parse_export
from lib.transfer.documents import parse_artifact, parse_canvas


def canvas(call: str, **arguments: Any) -> str | None:
    part = parse_canvas(f"canmore.{call}_textdoc", json.dumps(arguments))
    return part and part.text


def test_a_canvas_document_keeps_its_name_and_form() -> None:
    assert canvas("create", name="plan", type="document", content="# Plan\n\n- a") == "plan\n\n# Plan\n\n- a"
    assert canvas("create", name="sum.py", type="code/python", content="1 + 1") == "sum.py\n\n```python\n1 + 1\n```"
    assert canvas("create", name="x", type="code/react", content="a ``` b") == "x\n\n````jsx\na ``` b\n````"
    assert canvas("update", updates=[{"pattern": ".*", "replacement": "New text"}]) == "New text"
    assert canvas("comment", comments=[{"pattern": "a", "comment": "Shorter"}]) == "- Shorter"
    assert canvas("create", name="x", type="document", content=" ") is None
    broken = parse_canvas("canmore.create_textdoc", '{"name": "x", "content": "cut')
    assert broken and "cut" in broken.text


ARTIFACTS = [
    ("artifacts", {"title": "Tides", "type": "text/markdown", "content": "# Tides"}, "Tides\n\n# Tides"),
    (
        "artifacts",
        {"title": "Sum", "type": "application/vnd.ant.code", "language": "python", "content": "1"},
        "Sum\n\n```python\n1\n```",
    ),
    ("artifacts", {"type": "application/vnd.ant.react", "content": "a"}, "```jsx\na\n```"),
    ("artifacts", {"type": "text/html", "title": "P", "content": "<p>"}, "P\n\n```html\n<p>\n```"),
    ("artifacts", {"type": "image/svg+xml", "content": "<svg/>"}, "```xml\n<svg/>\n```"),
    ("artifacts", {"command": "update", "old_str": "a", "new_str": "b"}, "b"),
    ("create_file", {"path": "/mnt/out/notes.md", "file_text": "# Notes"}, "notes.md\n\n# Notes"),
    ("create_file", {"path": "a/run.sh", "file_text": "ls"}, "run.sh\n\n```sh\nls\n```"),
    ("create_file", {"path": "Makefile", "file_text": "all:"}, "Makefile\n\n```\nall:\n```"),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ARTIFACTS)
def test_an_artifact_is_text_or_code(name: str, arguments: dict[str, Any], expected: str) -> None:
    part = parse_artifact(name, arguments)
    assert part and part.text == expected


@pytest.mark.parametrize(
    ("name", "arguments"), [("web_search", {"query": "x"}), ("artifacts", {}), ("create_file", {"path": "a.py"})]
)
def test_another_call_is_no_document(name: str, arguments: dict[str, Any]) -> None:
    assert parse_artifact(name, arguments) is None


def chatgpt(*messages: dict[str, Any]) -> list[tuple[str, str]]:
    """Import messages of a row in ChatGPT's form; list roles and texts."""
    mapping = {
        str(number): {"id": str(number), "parent": str(number - 1) if number else None, "message": message}
        for number, message in enumerate(messages)
    }
    return list_messages([{"conversation_id": "c", "mapping": mapping, "current_node": str(len(messages) - 1)}])


def claude(*contents: list[dict[str, Any]]) -> list[tuple[str, str]]:
    senders = ("human", "assistant")
    messages = [{"uuid": str(n), "sender": senders[n % 2], "content": content} for n, content in enumerate(contents)]
    return list_messages([{"uuid": "c", "chat_messages": messages}])


def list_messages(value: Any) -> list[tuple[str, str]]:
    ((conversation, nodes),) = parse_export(json.dumps(value).encode()).conversations
    return [(node.message.role, node.message.text) for node in tree.path(nodes, conversation.head_id)]


def message(role: str, text: str, recipient: str = "all", **fields: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    return {"author": {"role": role}, "recipient": recipient, "content": content, "metadata": {}, **fields}


def test_a_canvas_in_a_conversation_is_part_of_the_answer() -> None:
    call = json.dumps({"name": "plan", "type": "document", "content": "Sail at noon."})
    code = {"content_type": "code", "language": "json", "text": call}
    as_text = message("assistant", call, "canmore.create_textdoc")
    for create in (as_text, {**as_text, "content": code}):
        assert chatgpt(message("user", "Write"), create, message("tool", "Created"), message("assistant", "Done")) == [
            ("user", "Write"),
            ("assistant", "plan\n\nSail at noon.\n\nDone"),
        ]


REPORT = {"content": {"content_type": "text", "parts": ["The report"]}}
REPORTS = [
    {"metadata": {"is_async_task_result_message": True}},
    {"author": {"role": "tool", "name": "research_kickoff_tool.start_research_task"}},
    {"metadata": {"async_task_type": "research"}},
    {"metadata": {"chatgpt_sdk": {"widget_state": json.dumps({"report_message": REPORT})}}},
    {
        "metadata": {
            "is_visually_hidden_from_conversation": True,
            "chatgpt_sdk": {"tool_response_metadata": {"venus_widget_state": {"report_message": REPORT}}},
        }
    },
]


@pytest.mark.parametrize("fields", REPORTS)
def test_a_research_report_is_the_answer(fields: dict[str, Any]) -> None:
    assert chatgpt(message("user", "Research"), message("tool", "The report", **fields)) == [
        ("user", "Research"),
        ("assistant", "The report"),
    ]


def test_a_lost_answer_says_that_a_tool_was_called() -> None:
    call, result = message("assistant", "{}", "browser"), message("tool", "found")
    assert chatgpt(message("user", "One"), call, result, message("user", "Two"), call) == [
        ("user", "One"),
        ("assistant", "[tool]"),
        ("user", "Two"),
        ("assistant", "[tool]"),
    ]
    assert chatgpt(message("user", "One"), call, result, message("assistant", "Found it")) == [
        ("user", "One"),
        ("assistant", "Found it"),
    ]
    text, use = [{"type": "text", "text": "Hi"}], [{"type": "tool_use", "name": "web_search", "input": {"query": "x"}}]
    assert claude(text, use, text) == [("user", "Hi"), ("assistant", "[tool]"), ("user", "Hi")]


def test_an_artifact_alone_is_an_answer() -> None:
    use = {"type": "tool_use", "name": "artifacts", "input": {"title": "T", "type": "text/markdown", "content": "# A"}}
    text = [{"type": "text", "text": "Hi"}]
    assert claude(text, [use], text) == [("user", "Hi"), ("assistant", "T\n\n# A"), ("user", "Hi")]
