"""Markdown export: readable, with a structure that no message can change."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lib.core.conversation import (
    Conversation,
    Failure,
    FilePart,
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    ThinkingPart,
)
from lib.core.prompts import Persona
from lib.core.target import Target
from lib.transfer import export_markdown
from lib.transfer.escape_markdown import embed_markdown
from tests.support.examples import count_examples

TRANSLATIONS = {
    "export.question": "You",
    "export.answer": "Answer",
    "export.thinking": "Thoughts",
    "export.length": "Cut off.",
    "export.failed": "Failed.",
    "export.interrupted": "Interrupted.",
    "part.image": "Image",
    "part.sources": "Sources",
    "wire.openai": "OpenAI",
    "wire.anthropic": "Anthropic",
}


def translate(name: str) -> str:
    return TRANSLATIONS[name]


def export_texts(*texts: str, title: str = "T", thinking: str = "") -> str:
    """Export a conversation of these texts in turn."""
    nodes = []
    for number, text in enumerate(texts):
        parts = (*((ThinkingPart(thinking),) if thinking else ()), TextPart(text))
        nodes.append(Node(str(number), None, Message("assistant" if number % 2 else "user", parts), 0.0))
    return export_markdown(Conversation("c", title, 0.0), nodes, translate)


def parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark").parse(text)


def list_headings(text: str) -> list[tuple[str, str]]:
    """List the top-level headings with their text."""
    tokens = parse(text)
    return [
        (token.tag, "".join(inline.content for inline in next_token.children or ()))
        for token, next_token in zip(tokens, tokens[1:], strict=False)
        if token.type == "heading_open" and token.level == 0
    ]


def list_html_lines(text: str) -> list[str]:
    """List the raw HTML of a document, line by line."""
    tokens = [item for token in parse(text) for item in (token, *(token.children or ()))]
    html = [token.content for token in tokens if token.type in ("html_block", "html_inline")]
    return "".join(html).split("\n")


def test_a_conversation_reads_as_a_document():
    path = [
        Node("q", None, Message("user", (TextPart("Why *tides*?"),)), 1750000000.0),
        Node(
            "a",
            "q",
            Message("assistant", (ThinkingPart("The moon."), TextPart("# Tides\n\n```python\n# moon\n```"))),
            1750000060.0,
            Outcome.LENGTH,
            target=Target("claude_opus", "anthropic"),
        ),
        Node("f", "q", Message("assistant", ()), 0.0, Outcome.FAILED, failure=Failure("cut", "reset <b>")),
    ]
    conversation = Conversation("c", "Tides [1] <b>", 1750000100.0, created_at=1750000000.0)
    assert export_markdown(conversation, path, translate) == (
        "# Tides \\[1\\] \\<b\\>\n\n*2025-06-15 15:06 UTC*\n\n"
        "## You\n\n*2025-06-15 15:06 UTC*\n\nWhy *tides*?\n\n"
        "## claude\\_opus · Anthropic\n\n*2025-06-15 15:07 UTC*\n\n"
        "<details>\n<summary>Thoughts</summary>\n\nThe moon.\n\n</details>\n\n"
        "### Tides\n\n```python\n# moon\n```\n\n> Cut off.\n\n"
        "## Answer\n\n> Failed.\n\n> reset \\<b\\>\n"
    )


def test_files_are_named_in_their_place():
    parts = (FilePart("0" * 64, "*tides* <b>.pdf", size=1_200_000), FilePart("1" * 64, "b.txt"), TextPart("Why?"))
    text = export_markdown(Conversation("c", "T", 0.0), [Node("q", None, Message("user", parts), 0.0)], translate)
    assert text == "# T\n\n## You\n\n*\\[\\*tides\\* \\<b\\>.pdf · 1.2 MB\\]*\n\n*\\[b.txt\\]*\n\nWhy?\n"


def test_an_arriving_answer_is_exported_as_interrupted():
    node = Node("a", None, Message("assistant", (TextPart("so far"),)), 0.0, Outcome.ARRIVING)
    assert "> Interrupted." in export_markdown(Conversation("c", "t", 0.0), [node], translate)


@pytest.mark.parametrize(
    "code",
    [
        "```html\n<script>\n# x\n<!--\n```",
        "~~~\n```\n# not a heading\n~~~",
        "- a list\n\n  ```sh\n  # comment <b>\n  ```\n- more",
        "1. a\n   ```\n   <div>\n\n   # x\n   ```",
        "> ```\n> # quoted <b>\n> ```",
        "text `<b>` and ``a ` <i>``",
        "````\n```\n<b>\n```\n````",
        "see <https://example.org/?a=1> and 1 < 2 <3",
        "| a | b |\n|---|---|\n| 1 | `<x>` |",
        "```\r\n<b>\r\n```",
    ],
)
def test_code_and_autolinks_stay_unchanged(code: str):
    assert embed_markdown(code) == code.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n###### Six", "### One\n###### Six"),
        ("Over\n====\nUnder\n---", "### Over\n#### Under"),
        ("> two\n> lines #\n> ===", "> ### two lines # ###"),
        ("<b>bold</b> <!-- x", "&lt;b>bold&lt;/b> &lt;!-- x"),
        ("```py\nx", "```py\nx\n```"),
        ("- a\n  ~~~~\n  x", "- a\n  ~~~~\n  x\n  ~~~~"),
        ("- a\n  ```\n<script>", "- a\n  ```\n&lt;script>"),
        ("> ```\n<script>", "> ```\n&lt;script>"),
        ("a ` b\n`<i>` c", "a ` b\n`&lt;i>` c"),
        ("\\`<i>\\`", "\\`&lt;i>\\`"),
        ("#no heading", "#no heading"),
    ],
)
def test_headings_tags_and_open_code_are_contained(text: str, expected: str):
    assert embed_markdown(text) == expected


PIECES = [
    "#",
    "# h",
    "## h",
    "===",
    "---",
    "```",
    "```py",
    "~~~",
    "````",
    "<!--",
    "-->",
    "<b>",
    "<x",
    "<http:a>",
]
PIECES += [
    "<details>",
    "</details>",
    "<script>",
    "<pre>",
    "<?",
    "<![CDATA[",
    "`",
    "``",
    "`<b>`",
    "word",
    "***",
]
PIECES += ["- ", "1. ", "> ", "* ", "+ ", " ", "  ", "    ", "\t", "\n", "\n\n", "\r", "\r\n", "\\"]
PIECES += ["[a]: <b>", "|a|\n|-|", "***", "<http:a>"]
hostile_texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(deadline=None, max_examples=count_examples(100))
@given(hostile_texts, hostile_texts)
@example("a\n    ```\n<script>", "x")
def test_no_message_changes_the_structure_of_the_document(text: str, title: str):
    document = export_texts(text, "done", title=title, thinking=text)
    headings = list_headings(document)
    assert [tag for tag, _ in headings if tag in ("h1", "h2")] == ["h1", "h2", "h2"]
    assert [heading for tag, heading in headings if tag == "h2"] == ["You", "Answer"]
    own_lines = ["<details>", "<summary>Thoughts</summary>", "</details>"]
    assert [line for line in list_html_lines(document) if line] == own_lines * (2 if text.strip() else 0)


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA="


def test_images_named_content_and_sources_are_exported():
    parts = (
        TextPart("It is "),
        TextPart("noon."),
        ImagePart("image/png", PNG),
        ImagePart(url="https://a.example/b (1).png"),
        ImagePart("image/png", "no image"),
        ImagePart(url="javascript:alert(1)"),
        OtherPart("server_tool_use", "web_search · [x](y)", "{}"),
        OtherPart("audio"),
        SourcePart("https://a.example/", "Tides *now*", "High <b>water"),
        SourcePart("javascript:alert(1)", "Report"),
    )
    document = export_markdown(
        Conversation("c", "T", 0.0), [Node("a", None, Message("assistant", parts), 0.0)], translate
    )
    assert document == (
        "# T\n\n## Answer\n\nIt is noon.\n\n"
        f"![Image](data:image/png;base64,{PNG})\n\n[Image](<https://a.example/b%20%281%29.png>)\n\n"
        "Image\n\nImage: javascript:alert(1)\n\n"
        "*\\[server\\_tool\\_use · web\\_search · \\[x\\](y)\\]*\n\n*\\[audio\\]*\n\n"
        "**Sources**\n\n1. [Tides \\*now\\*](<https://a.example/>): High \\<b\\>water\n2. Report\n"
    )


def test_a_persona_is_named_above_its_answer():
    answer = Node("a", None, Message("assistant", (TextPart("Grr"),)), 0.0, persona=Persona("*Bear*\n# x", "🐻"))
    targeted = replace(answer, target=Target("m-one", "openai"))
    headings = list_headings(export_markdown(Conversation("c", "T", 0.0), [answer, targeted], translate))
    assert [text for _, text in headings[1:]] == ["*Bear* # x", "*Bear* # x · m-one · OpenAI"]
