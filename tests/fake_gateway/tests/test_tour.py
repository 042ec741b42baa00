"""What the demo says: the tour, later turns, and that it is no model."""

import re

import pytest

from lib.demo import MENU
from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import CHAT, MESSAGES, answered, arriving, asking, whole

# Those with words of their own: no refusal, no echo, no silence.
QUIET = (
    "demo-silent",
    "demo-endless",
    "demo-echo",
    "demo-empty-answer",
    "demo-only-thinks",
    "demo-wants-tool",
    "demo-cheap",
)
SPEAKING = [name for name, model in MENU.items() if not model.refusal and name not in QUIET]


@pytest.mark.parametrize(
    ("question", "sign"),
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
def test_the_tour_follows_the_question(fast: FakeGateway, question: str, sign: str) -> None:
    text = answered(fast, "demo-tour", question)
    assert sign in text and "DEERAPI_API_KEY" in text and "api_key" in text
    assert re.search(r"not a model|不是模型", text)
    assert (15_000 < len(text.encode()) < 18_000) == ("A long" in sign)


def test_later_turns_show_that_the_path_was_sent(fast: FakeGateway) -> None:
    body = asking("demo-tour", "One?", "1", "Two?", "2", "Three?")
    body["messages"].insert(0, {"role": "system", "content": "Be\nbrief."})
    text = whole(fast, CHAT, body)[0]
    assert text.startswith("You have asked 3 questions so far, the whole path was sent")
    assert "1. “One?”\n2. “Two?”\n3. “Three?”" in text
    assert "“Be brief.”" in text and "**Next:**" in text and "# Welcome" not in text
    path = [text for i in range(20) for text in (f"Q{i + 1}", "A")][:-1]
    many = answered(fast, "demo-tour", *path)
    assert "asked 20 questions" in many and "20. “Q20”" in many and "“Q12”" not in many
    assert "你已经问了 2 个问题" in answered(fast, "demo-tour", "One?", "1", "再来")
    assert "```python" in answered(fast, "demo-tour", "One?", "1", "Now code")


@pytest.mark.parametrize("name", SPEAKING)
@pytest.mark.parametrize(("path", "question"), [(CHAT, "Hello"), (MESSAGES, "你好")])
def test_every_model_says_that_it_is_none(fast: FakeGateway, path: str, name: str, question: str) -> None:
    said = arriving(fast, path, asking(name, question)).text
    rest = arriving(fast, path, asking(name, question, said or "-", "Continue")).text
    honest = re.search(r"not a model|no model|by a model|不是模型|没有模型", said + rest)
    assert honest, said + rest


@pytest.mark.parametrize(
    ("path", "question", "begins"),
    [
        (CHAT, "Why is <b>the</b> sky blue?", "In short: Why is the sky blue? and"),
        (MESSAGES, "天空为什么是蓝的？", "简而言之：天空为什么是蓝的？ and"),
    ],
)
def test_the_cheap_model_says_the_first_words_again(
    fast: FakeGateway, path: str, question: str, begins: str
) -> None:
    asked = f"<message>\n{question}{' and more' * 20}\n</message>"
    text = whole(fast, path, asking("demo-cheap", asked))[0]
    assert text.startswith(begins)
    assert len(text) < 70
