"""Texts of the demo: the tour, its topics, later turns, an echo, a title."""

from __future__ import annotations

import base64
import io
import json
import re

import pytest
from PIL import Image

from lib.demo import MODELS, DemoGateway
from lib.demo.wire import ANTHROPIC, OPENAI
from tests.support.gateway_client import (
    answer_text,
    each_path,
    request_body,
    stream_answer,
    whole_answer,
)

# Models without a text of their own.
WITHOUT_TEXT = (
    "demo-endless",
    "demo-echo",
    "demo-empty-answer",
    "demo-cheap",
    "demo-429-then-fine",
    "demo-busy",
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who\n\nwas  [Ada](x)?", "You asked: “Who was &#91;Ada&#93;(x)?”."),
        ("Show me some Python", "```python"),
        ("来点代码", "## 一小段代码"),
        ("a formula, please", "\\frac"),
        ("做一个表", "| 水星 |"),
        ("这代表什么？", "# 欢迎使用 Antler"),
        ("How long are vegetables?", "# Welcome to Antler"),
        ("Something long", "# A long answer"),
    ],
)
def test_the_tour_answers_the_topic_of_the_question(gateway: DemoGateway, question: str, expected: str) -> None:
    text = answer_text(gateway, "demo-tour", question)
    assert expected in text
    assert "DEERAPI_API_KEY" in text
    assert "api_key" in text
    assert re.search(r"not a model|不是模型", text)
    assert (15_000 < len(text.encode()) < 18_000) == ("long answer" in expected)


def test_the_long_model_sends_sixteen_thousand_characters(gateway: DemoGateway) -> None:
    assert 15_000 < len(answer_text(gateway, "demo-long")) < 18_000
    assert answer_text(gateway, "demo-long", "你好").startswith("# 一篇长文")


def test_later_turns_list_the_earlier_questions(gateway: DemoGateway) -> None:
    body = request_body("demo-tour", "One?", "1", "Two?", "2", "Three?")
    body["messages"].insert(0, {"role": "system", "content": "Be\nbrief."})
    text = whole_answer(gateway, OPENAI, body)[0]
    assert text.startswith("You have asked 3 questions so far, the whole path was sent")
    assert "1. “One?”\n2. “Two?”\n3. “Three?”" in text
    assert "“Be brief.”" in text
    assert "**Next:**" in text
    assert "# Welcome" not in text
    assert "你已经问了 2 个问题" in answer_text(gateway, "demo-tour", "One?", "1", "再来")
    assert "```python" in answer_text(gateway, "demo-tour", "One?", "1", "Now code")


def test_only_the_latest_questions_are_listed(gateway: DemoGateway) -> None:
    turns = [text for i in range(20) for text in (f"Q{i + 1}", "A")][:-1]
    text = answer_text(gateway, "demo-tour", *turns)
    assert "asked 20 questions" in text
    assert "20. “Q20”" in text
    assert "“Q12”" not in text


def test_received_files_are_named_with_their_sizes(gateway: DemoGateway) -> None:
    picture, paper = encode(tiny_png(30, 20)), encode(b"%PDF-1.7")
    text = {"type": "text", "text": '<file-12ab name="a &amp; b.md">\nQuokka\n</file-12ab>\n\nWhat is this?'}
    openai = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        {"type": "file", "file": {"filename": "b_c.pdf", "file_data": f"data:application/pdf;base64,{paper}"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]
    anthropic = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}},
        {
            "type": "document",
            "title": "b_c.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": paper},
        },
    ]
    for path, files in ((OPENAI, openai), (ANTHROPIC, anthropic)):
        answer = stream_answer(gateway, path, request_body("demo-tour", [*files, text])).text
        assert f"Files received: {len(files) + 1}." in answer
        assert re.search(r"“1 \(image/png, \d+ bytes, 30 × 20 pixels\)”", answer)
        assert "b&#95;c.pdf (application/pdf, 8 bytes)" in answer
        assert "a &#38; b.md (text, 6 bytes)" in answer
        assert "You asked: “What is this?”" in answer
        assert ("audio/mpeg, 3 bytes" in answer) == (path == OPENAI)


def test_files_that_are_none_are_counted_without_facts(gateway: DemoGateway) -> None:
    links = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    answer = stream_answer(gateway, OPENAI, request_body("demo-tour", links)).text
    assert "Files received: 2." in answer and "2 (image/png, 3 bytes)" in answer


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tiny_png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("name", [name for name in MODELS if name not in WITHOUT_TEXT])
@pytest.mark.parametrize(("path", "question"), [(OPENAI, "Hello"), (ANTHROPIC, "你好")])
def test_each_answer_says_that_no_model_wrote_it(gateway: DemoGateway, path: str, name: str, question: str) -> None:
    text = stream_answer(gateway, path, request_body(name, question)).text
    text += stream_answer(gateway, path, request_body(name, question, text, "Continue")).text
    assert re.search(r"not a model|no model|不是模型|没有模型", text), text


@each_path
def test_the_echo_is_the_request(gateway: DemoGateway, path: str) -> None:
    body = request_body("demo-echo", "Say “```”.", "Why?", "x" * 5000, temperature=0.25)
    text = whole_answer(gateway, path, body)[0]
    fence = text.partition("json\n")[0]
    echoed = json.loads(text.partition("json\n")[2].removesuffix(f"\n{fence}\n"))
    assert fence == "````"
    assert echoed["messages"][:2] == body["messages"][:2]
    assert echoed["temperature"] == 0.25
    assert echoed["messages"][2]["content"].endswith("(5,000 characters)")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Why is <b>the</b> sky blue?", "In short: Why is the sky blue? and"),
        ("天空为什么是蓝的？", "简而言之：天空为什么是蓝的？ and"),
    ],
)
def test_a_title_is_the_first_words_of_the_question(gateway: DemoGateway, question: str, expected: str) -> None:
    text = answer_text(gateway, "demo-cheap", f"<message>\n{question}{' and more' * 20}\n</message>")
    assert text.startswith(expected)
    assert len(text) < 70


def test_the_endless_answer_is_short_without_a_stream(gateway: DemoGateway) -> None:
    text = answer_text(gateway, "demo-endless")
    assert text.startswith("\n## Lines 1 to 10\n\n1. Line 1 ")
    assert len(text) < 2_000
