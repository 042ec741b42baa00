"""Content of an arriving answer that the store has, from which its next checkpoint is built."""

from __future__ import annotations

from collections.abc import Sequence

from lib.core.checkpoints import Checkpoint, find_changes, measure_part, measure_parts
from lib.core.conversation import ImagePart, Node, Part

# Content that checkpoints write again, per second, and the longest time in seconds that a crash may lose by that.
IMAGE_BYTES_PER_SECOND, CHARS_PER_SECOND = 1_000_000, 20_000
MAX_PAUSE = 10.0
# Times that an answer's size may be written again before there are pauses: a text is rarely written again at all.
MAX_REWRITES = 4
CHANGE_OVERHEAD = 64  # characters of a change besides its content, by which the number of changes is limited


class SavedContent:
    """Content of an arriving answer that the store has accepted; not thread-safe.

    A checkpoint has what is new since the last one. It has the whole answer at first, once the changes are as large as
    the row, and when the store may have something else. So the sum of all that is written grows with the length.
    """

    def __init__(self) -> None:
        self._saved: Node | None = None
        self._number = 0
        self._row_size = self._changes_size = self._rewritten_size = 0
        self._checkpoint: Checkpoint | None = None  # the last one

    def build_checkpoint(self, owner: str, node: Node) -> Checkpoint:
        """Return the checkpoint that brings the store to this state of the answer."""
        changes = find_changes(self._saved, node) if self._saved else None
        if changes and self._changes_size + changes.size + CHANGE_OVERHEAD > self._row_size:
            changes = None
        self._number += 1
        self._checkpoint = Checkpoint(owner, node, changes=changes, number=self._number)
        return self._checkpoint

    def note_saved(self) -> float:
        """Take that the store has the last checkpoint; return the seconds to wait before the next one."""
        if not (checkpoint := self._checkpoint):
            return 0.0
        parts = checkpoint.node.message.parts
        self._saved, self._checkpoint = checkpoint.node, None
        if not checkpoint.changes:
            self._row_size, self._changes_size = measure_parts(parts), 0
            return 0.0
        self._changes_size += checkpoint.changes.size + CHANGE_OVERHEAD
        self._rewritten_size += measure_parts(checkpoint.changes.rewritten)
        is_excessive = self._rewritten_size > MAX_REWRITES * measure_parts(parts)
        return min(MAX_PAUSE, _count_seconds(checkpoint.changes.rewritten)) if is_excessive else 0.0

    def forget(self) -> None:
        """Take that the store may have something else: the next checkpoint has the whole answer."""
        self._saved = self._checkpoint = None


def _count_seconds(parts: Sequence[Part]) -> float:
    rates = ((IMAGE_BYTES_PER_SECOND if isinstance(part, ImagePart) else CHARS_PER_SECOND, part) for part in parts)
    return sum(measure_part(part) / rate for rate, part in rates)
