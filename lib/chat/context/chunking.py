"""A path as text, in pieces that a small window holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lib.core import tokens
from lib.core.conversation import Node


def split_into_chunks(nodes: Sequence[Node], max_tokens: int) -> Iterator[str]:
    """What was said, in pieces of about `most` tokens, each message marked with its side."""
    held: list[str] = []
    size = 0
    for node in nodes:
        role = "question" if node.message.role == "user" else "answer"
        for text in _split_text(node.message.text, max_tokens):
            said = f"<{role}>\n{text}\n</{role}>"
            if held and size + tokens.estimate_message(said) > max_tokens:
                yield "\n\n".join(held)
                held, size = [], 0
            held.append(said)
            size += tokens.estimate_message(said)
    if held:
        yield "\n\n".join(held)


def _split_text(text: str, max_tokens: int) -> Iterator[str]:
    """The text in parts of at most `most` tokens, nothing for one of blanks."""
    if tokens.estimate(text) > max_tokens and len(text) > 1:
        middle = len(text) // 2
        yield from _split_text(text[:middle], max_tokens)
        yield from _split_text(text[middle:], max_tokens)
    elif text.strip():
        yield text
