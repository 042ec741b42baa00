"""A path as text, in pieces that a small window holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lib.core import tokens
from lib.core.conversation import Node


def pieces(nodes: Sequence[Node], most: int) -> Iterator[str]:
    """What was said, in pieces of about `most` tokens, each message marked with its side."""
    held: list[str] = []
    size = 0
    for node in nodes:
        role = "question" if node.message.role == "user" else "answer"
        for text in _cut(node.message.text, most):
            said = f"<{role}>\n{text}\n</{role}>"
            if held and size + tokens.message(said) > most:
                yield "\n\n".join(held)
                held, size = [], 0
            held.append(said)
            size += tokens.message(said)
    if held:
        yield "\n\n".join(held)


def _cut(text: str, most: int) -> Iterator[str]:
    """The text in parts of at most `most` tokens, nothing for one of blanks."""
    if tokens.estimate(text) > most and len(text) > 1:
        middle = len(text) // 2
        yield from _cut(text[:middle], most)
        yield from _cut(text[middle:], most)
    elif text.strip():
        yield text
