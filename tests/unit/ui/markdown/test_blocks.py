"""Freezing finished blocks while an answer arrives."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ui.markdown.blocks import parse_blocks, split_first_block
from tests.support.examples import count_examples

P = "word " * 90
ANSWER = "\n\n".join(
    [
        "# Title",
        P,
        "- one\n\n- two " + P + "\n\n  more\n\n      code\n\n- three",
        P,
        "```python\nx = 1\n\n\ny = 2\n" + "z\n" * 300 + "```",
        P,
        "\\[\nx\n\ny\n\\]",
        "> " + P + "\n>\n> b",
        "> c",
        "$$\na\n\n" + "b\n" * 20 + "$$",
        P + "\n\n    indented\n\n    code",
        "1. a\n2. b\n\n3. " + P + "\n\n   ```\n   a\n\n   b\n   ```\n\n4. d",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        P,
        "[^1]: note " + P + "\n\n    more",
        P,
        "end",
    ]
)


def frozen(text: str, pieces: list[int]) -> list[str]:
    blocks, start, seen = [], 0, 0
    for size in [*pieces, len(text)]:
        seen = min(len(text), seen + size)
        cut = split_first_block(text[start:seen])[0]
        if cut:
            blocks.append(text[start : start + cut])
            start += cut
    return [*blocks, text[start:]]


@pytest.mark.parametrize("seed", range(40))
def test_frozen_blocks_add_up_to_the_text(seed: int) -> None:
    rng = random.Random(seed)
    blocks = frozen(ANSWER, [rng.choice([1, 3, 17, 60, 400]) for _ in range(400)])
    assert "".join(blocks) == ANSWER and len(blocks) > 4
    for block in blocks[:-1]:
        assert len(block) >= 300 and block.endswith("\n\n")
        assert block.count("```") % 2 == 0 and block.count("$$") % 2 == 0
        assert block.count("\\[") == block.count("\\]")
    for block in blocks[1:]:
        assert not block.startswith((" ", "2.", "3.", "4.", "- two", "- three", "> c"))


def test_frozen_blocks_do_not_depend_on_the_size_of_deltas() -> None:
    assert frozen(ANSWER, [1] * len(ANSWER)) == frozen(ANSWER, [3] * len(ANSWER))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short\n\nnext paragraph",
        P,
        P + "\n\n",
        P + "\n\nab",
        f"- {P}\n\n1234",
        f"- {P}\n\n- next item",
        f"- {P}\n\n  still the item",
        f"> {P}\n\n> the same quote, nearly",
        f"```\n{P}\n\nstill code",
        f"$$\n{P}\n\nstill a formula",
        f"\\[\n{P}\n\nstill a formula",
        f"{P}\n\n    code that must not lead an element",
        f"    code {P}\n\nnext paragraph",
        f"[^1]: {P}\n\n    still the note",
    ],
)
def test_an_unfinished_block_is_not_frozen(text: str) -> None:
    assert split_first_block(text)[0] == 0


@pytest.mark.parametrize("after", ["next p", "\r\nnext p", "# Head", "```py\n", "- list", "| a | b"])
def test_a_finished_paragraph_is_frozen(after: str) -> None:
    text = f"{P}\r\n\r\n{after}"
    assert text[split_first_block(text)[0] :] == after.lstrip()


def test_an_unclosed_formula_does_not_block_freezing_for_ever() -> None:
    text = "$$ is a price level\n\n" + f"{P}\n\n" * 40
    assert split_first_block(text)[0] > 300


@settings(max_examples=count_examples(100), deadline=None)
@given(
    st.lists(
        st.sampled_from([P, "a", "\n", "\n\n", "```\n", "$$\n", "\\[\n", "- ", "    ", "> ", "1. ", "\r\n", "\ud800"]),
        max_size=30,
    )
)
def test_the_stable_prefix_ends_before_an_unindented_line(parts: list[str]) -> None:
    text = "".join(parts)
    cut = split_first_block(text)[0]
    assert cut == 0 or (300 <= cut < len(text) and text[cut - 1] in "\r\n" and text[cut] not in " \t\r\n")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("```markdown\n# T\n\n```\nnpm i\n```\n\nmore\n```\n\nAfter.", "# T\n\n```\nnpm i\n```\n\nmore\n"),
        ("```md\nRun:\n```\nnpm i\n```\nmore\n```\nAfter.", "Run:\n```\nnpm i\n```\nmore\n"),
        ("```md\n运行：\n```\nnpm i\n```\n```\nAfter.", "运行：\n```\nnpm i\n```\n"),
        ("```md\na\n\n```bash\nx\n```\n\n```\ny\n```\n\nb\n```\nAfter.", "a\n\n```bash\nx\n```\n\n```\ny\n```\n\nb\n"),
        ("~~~markdown\na\n\n~~~\nx\n~~~\nb\n~~~\nAfter.", "a\n\n~~~\nx\n~~~\nb\n"),
        ("- item\n\n  ```md\n  a\n\n  ```\n  x\n  ```\n\n  b\n  ```\n\nAfter.", "a\n\n```\nx\n```\n\nb\n"),
        # The line closes the fence.
        ("```markdown\n# A\n```\n\nText\n\n```\ncode\n```\nAfter.", "# A\n"),
        ("```markdown\n# A\n```\nText\n\n```\ncode\n```\nAfter.", "# A\n"),
        ("```markdown\n# A\n\n```\n\nText\n\n```\ncode\n```\nAfter.", "# A\n\n"),
        ("```markdown\n# A\n\n```", "# A\n\n"),
        ("```python\na = 1\n\n```\nAfter.\n\n```\nb\n```", "a = 1\n\n"),
        ("````markdown\na\n\n```\nx\n```\n````\nAfter.", "a\n\n```\nx\n```\n"),
    ],
)
def test_a_fence_of_markdown_holds_fences_without_info_string(text: str, content: str) -> None:
    tokens = parse_blocks(text)
    assert next(token.content for token in tokens if token.type == "fence") == content
    assert not text.endswith("After.") or any(token.content == "After." for token in tokens)
