"""Text that is collected up to a limit, and Markdown for tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MAX_CELL_CHARS = 2_000


class TextLimit:
    """A text in lines and blocks that stops growing at `limit` characters and says so."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.is_truncated = False
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str, end: str = "\n") -> bool:
        """Add a text with an end. Return False when it is full, and no more can be added."""
        text = text.replace("\x00", "") + end
        room = self.limit - self._size
        if len(text) > room:
            # The end alone, a line break, is no loss.
            self.is_truncated = self.is_truncated or bool(text[room:].strip())
            text = text[:room]
        self._parts.append(text)
        self._size += len(text)
        return not self.is_truncated

    @property
    def text(self) -> str:
        return "".join(self._parts).strip("\n")


def cell_text(text: str) -> str:
    """Return a text for a cell of a Markdown table: one line, with its bars escaped."""
    text = " ".join(line.strip() for line in text.strip().splitlines() if line.strip())
    if len(text) > _MAX_CELL_CHARS:
        text = f"{text[:_MAX_CELL_CHARS]}…"
    return text.replace("\\", "\\\\").replace("|", "\\|")


def add_table(target: TextLimit, rows: Iterable[Sequence[str]]) -> int:
    """Add rows of cells as a Markdown table with the first row as its head; return the number of rows that fit."""
    count = 0
    for row in rows:
        line = f"| {' | '.join(cell_text(cell) for cell in row)} |"
        if not count:
            line += f"\n|{' --- |' * max(1, len(row))}"
        if not target.add(line):
            break
        count += 1
    target.add("")
    return count
