"""Emphasis next to Chinese, Japanese and Korean text: the letter outside a run becomes a character reference."""

import html

import pytest

from lib.ui.markdown.sanitize import sanitize, sanitize_arriving

EMPHASIS = [
    ("**重点：**内容", "**重点：**&#20869;容"),
    ("**Note:**これは", "**Note:**&#12371;れは"),
    ("***重点：***内容", "***重点：***&#20869;容"),
    ("*注意！*请看", "*注意！*&#35831;看"),
    ("~~旧价：~~新价", "~~旧价：~~&#26032;价"),
    ("**스크립트(script)**라고", "**스크립트(script)**&#46972;고"),
    ("**重点：**text", "**重点：**&#116;ext"),
    ("他说**“你好”**。", "他说:color[]**“你好”**。"),
    ("是**「引用」**的", "是:color[]**「引用」**&#30340;"),
    ("价格**$5**元", "价格:color[]**\\$5**元"),
    ("_**重点：**_内容", "_**重点：**_&#20869;容"),
    ("**`a`**是", "**`a`**&#26159;"),
    ("**a：**b**c：**d", "**a：**&#98;**c：**&#100;"),
    ("2*3，他说**“好”**。", "2*3，他说:color[]**“好”**。"),
    ("2*3，**重点：**内容*", "2*3，**重点：**&#20869;容*"),
    ("***重：**点*内", "***重：**&#28857;*内"),
    ("- **一：**二\n- **三：**四", "- **一：**&#20108;\n- **三：**&#22235;"),
    (
        "| **一：**二 | **三** |\n|---|---|\n| a** | 是**（b）** |",
        "| **一：**&#20108; | **三** |\n|---|---|\n| a** | 是:color[]**（b）** |",
    ),
]
UNCHANGED = [
    "**重点**内容",
    "**重点**：内容",
    "（注：**内容**）",
    "**Note:**text",
    "a * b：* c",
    "变量_a_b 与 文件_（新）_2024",
    "`**重点：**内容`",
    "```\n**重点：**内容\n```",
    "$a**：**b$",
    "[a](http://x/**重点：**内容)",
]


@pytest.mark.parametrize(("text", "expected"), EMPHASIS)
def test_a_letter_beside_a_run_is_written_as_a_reference(text: str, expected: str) -> None:
    assert sanitize(text) == expected
    assert html.unescape(expected).replace("\\$", "$").replace(":color[]", "") == text


@pytest.mark.parametrize("text", UNCHANGED)
def test_a_run_that_the_renderer_reads_right_stays(text: str) -> None:
    assert sanitize(text) == text


def test_emphasis_that_arrives_is_extended() -> None:
    text = "**重点：**内容，他说**“更多！”**文字和~~（旧）~~新*的*"
    frames = [sanitize_arriving(text[:end]) for end in range(1, len(text) + 1)]
    assert frames[-1] == sanitize(text[:-1]) and "*" not in frames[0]
    assert all(later.startswith(earlier) for earlier, later in zip(frames, frames[1:], strict=False))


def test_a_long_paragraph_of_runs_is_read_in_linear_time() -> None:
    # A quadratic search needs minutes for this; the timeout of the suite is the limit.
    assert len(sanitize("是**（" * 20_000)) >= 80_000
