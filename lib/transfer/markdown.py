"""Export of a conversation as a Markdown document for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from lib.core.conversation import Conversation, Node, Outcome, TextPart, ThinkingPart
from lib.transfer.escape_markdown import embed_markdown, escape_markdown


def export_markdown(conversation: Conversation, path: Sequence[Node], translate: Callable[[str], str]) -> str:
    """Format the path of a conversation: its title, its date, and each message under a heading.

    `translate` gives the text of a key in the reader's language: "export.question", "export.answer",
    "export.thinking", "export.<outcome>" for every outcome but complete, and "wire.<wire>". Messages keep
    their code; their headings come below the document's, and their tags show as text.
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
    """Format a time so that it sorts; "" for an unknown one."""
    return f"*{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC*" if seconds > 0 else ""
