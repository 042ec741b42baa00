"""A conversation as Markdown for people: who said what, whatever signs it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from lib.core.conversation import Conversation, Node, Outcome, TextPart, ThinkingPart
from lib.transfer.escape_markdown import embed_markdown

_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>#~|$&!]")


def export_markdown(conversation: Conversation, path: Sequence[Node], translate: Callable[[str], str]) -> str:
    """The path of a conversation as one document: its title, its date, and each message under a heading.

    `say` gives the words of a name in the reader's language: "export.question", "export.answer",
    "export.thinking", "export.<outcome>" for every outcome but complete, and "wire.<wire>". What is said
    keeps its code blocks as they are; its headings stand under the document's, its tags show as text.
    """
    blocks = [
        f"# {escape_markdown(conversation.title)}",
        _format_date(conversation.created_at or conversation.updated_at),
    ]
    for node in path:
        blocks += _message_blocks(node, translate)
    return "\n\n".join(filter(None, blocks)) + "\n"


def _message_blocks(node: Node, translate: Callable[[str], str]) -> Iterator[str]:
    yield f"## {_author_label(node, translate)}"
    yield _format_date(node.created_at)
    for part in node.message.parts:
        if isinstance(part, ThinkingPart) and part.text.strip():
            summary = f"<summary>{escape_markdown(translate('export.thinking'))}</summary>"
            yield f"<details>\n{summary}\n\n{embed_markdown(part.text)}\n\n</details>"
        elif isinstance(part, TextPart):
            yield embed_markdown(part.text)
    if node.outcome is not Outcome.COMPLETE:
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        yield f"> {escape_markdown(translate(f'export.{outcome}'))}"
    if node.failure and node.failure.detail:
        yield f"> {escape_markdown(node.failure.detail)}"


def _author_label(node: Node, translate: Callable[[str], str]) -> str:
    if node.message.role == "user":
        return escape_markdown(translate("export.question"))
    if node.target is None:
        return escape_markdown(translate("export.answer"))
    return f"{escape_markdown(node.target.model)} · {escape_markdown(translate(f'wire.{node.target.wire}'))}"


def _format_date(seconds: float) -> str:
    """The time in words that sort; "" where it is not known."""
    return f"*{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC*" if seconds > 0 else ""


def escape_markdown(text: str) -> str:
    """The text as one line that is nothing but text."""
    return _MARKDOWN_SPECIAL.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
