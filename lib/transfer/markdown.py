"""A conversation as Markdown for people: who said what, whatever signs it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from lib.core.conversation import Conversation, Node, Outcome, Text, Thinking
from lib.transfer.escape_markdown import contained

_MARKUP = re.compile(r"[\\`*_\[\]<>#~|$&!]")


def markdown(conversation: Conversation, path: Sequence[Node], say: Callable[[str], str]) -> str:
    """The path of a conversation as one document: its title, its date, and each message under a heading.

    `say` gives the words of a name in the reader's language: "export.question", "export.answer",
    "export.thinking", "export.<outcome>" for every outcome but complete, and "wire.<wire>". What is said
    keeps its code blocks as they are; its headings stand under the document's, its tags show as text.
    """
    blocks = [f"# {escaped(conversation.title)}", _date(conversation.created or conversation.updated)]
    for node in path:
        blocks += _turn(node, say)
    return "\n\n".join(filter(None, blocks)) + "\n"


def _turn(node: Node, say: Callable[[str], str]) -> Iterator[str]:
    yield f"## {_speaker(node, say)}"
    yield _date(node.created)
    for part in node.message.parts:
        if isinstance(part, Thinking) and part.text.strip():
            summary = f"<summary>{escaped(say('export.thinking'))}</summary>"
            yield f"<details>\n{summary}\n\n{contained(part.text)}\n\n</details>"
        elif isinstance(part, Text):
            yield contained(part.text)
    if node.outcome is not Outcome.COMPLETE:
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        yield f"> {escaped(say(f'export.{outcome}'))}"
    if node.failure and node.failure.detail:
        yield f"> {escaped(node.failure.detail)}"


def _speaker(node: Node, say: Callable[[str], str]) -> str:
    if node.message.role == "user":
        return escaped(say("export.question"))
    if node.target is None:
        return escaped(say("export.answer"))
    return f"{escaped(node.target.model)} · {escaped(say(f'wire.{node.target.wire}'))}"


def _date(seconds: float) -> str:
    """The time in words that sort; "" where it is not known."""
    return f"*{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC*" if seconds > 0 else ""


def escaped(text: str) -> str:
    """The text as one line that is nothing but text."""
    return _MARKUP.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
