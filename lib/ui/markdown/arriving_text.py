"""A growing text of a model, rewritten for the browser as it arrives: its finished elements, and the live one.

The result is that of `split_first_block`, `sanitize` and `sanitize_arriving` for the text so far. Each frame reads
what is new, and the last item, row or line of the live element again.
"""

from __future__ import annotations

from lib.ui.markdown.blocks import normalize, read_blocks
from lib.ui.markdown.footnotes import has_notes
from lib.ui.markdown.limits import BASE_ALLOWANCE, build_allowance, estimate_cost, estimate_formula_signs
from lib.ui.markdown.restart import Restart, find_restart
from lib.ui.markdown.sanitize import rewrite_blocks, sanitize_arriving, sanitize_part, shown_part, split_first_block

# A shorter text is cheap to read as a whole.
_MIN_RESTART_CHARS = 80


class ArrivingText:
    """A text in one language, for one thread at a time.

    `parts` are the texts of the finished elements, blank ones among them, and `live` is that of the last one.
    """

    def __init__(self, language: str) -> None:
        self.parts: list[str] = []
        self.live = ""
        self.is_over = False
        self._language = language
        self._tail = _Tail(language, BASE_ALLOWANCE)

    @property
    def live_chars(self) -> int:
        """Length of the live element's own text."""
        return self._tail.length

    def update(self, text: str) -> None:
        """Take what is new."""
        if self.is_over:
            return
        self._tail.append(text)
        certain = self._take_parts()
        self.live = self._tail.sanitize(certain)

    def finish(self) -> None:
        """Take the text so far as the whole text; more of it is left out."""
        if not self.is_over:
            self._take_parts()
            if rest := self._tail.text:
                self._add_part(rest)
            self.live, self.is_over = "", True

    def _take_parts(self) -> int:
        """Move finished elements to `parts`; return how many characters belong to the live one in any case."""
        while True:
            size, certain = self._tail.split()
            if not size:
                return certain
            text = self._tail.text
            self._add_part(text[:size])
            self._tail.append(text[size:])

    def _add_part(self, text: str) -> None:
        """Finish the live element with this text, and begin an empty one."""
        written, carried = sanitize_part(text, self._language, self._tail.carried)
        self.parts.append(written)
        self._tail = _Tail(self._language, carried)


class _Tail:
    """The text of the live element: a part that is rewritten for good, and the rest from a `Restart` on.

    `carried` is what is left of the browser's time for the elements before.
    """

    def __init__(self, language: str, carried: float) -> None:
        self.carried = carried
        self._language = language
        self._done: list[str] = []  # raw text up to the restart
        self._written: list[str] = []  # and the same rewritten
        self._done_chars = self._normalized_chars = 0
        self._cost = self._context_cost = 0.0
        self._rest = ""  # raw text, with the context of the restart before it
        self._context = ""
        self._has_line_end = True  # in the rest since it was searched for a restart

    @property
    def length(self) -> int:
        return self._done_chars + len(self._rest) - len(self._context)

    @property
    def text(self) -> str:
        return "".join((*self._done, self._rest[len(self._context) :]))

    def append(self, text: str) -> None:
        self._rest += text
        self._has_line_end |= "\n" in text

    def split(self) -> tuple[int, int]:
        """As `split_first_block`, for the whole element."""
        skipped = self._done_chars - len(self._context)
        size, certain = split_first_block(self._rest, skipped)
        return size and size + skipped, certain + skipped

    def sanitize(self, certain: int) -> str:
        """As `sanitize_arriving`, for the first `certain` characters of the element, after a search for a restart."""
        has_context = "\r" in self._rest or has_notes(self._rest)  # which depends on all lines before
        if certain == self.length and self._has_line_end and len(self._rest) >= _MIN_RESTART_CHARS and not has_context:
            self._has_line_end = False
            if restart := find_restart(self._rest):
                self._move_to(restart)
        rest = self._rest[: len(self._rest) - (self.length - certain)]
        text = self._sanitize_rest(rest) if self._done and not has_context else None
        return sanitize_arriving(self.text[:certain], self._language, self.carried) if text is None else text

    def _sanitize_rest(self, rest: str) -> str | None:
        """Rewrite the rest behind what is written; None if only the whole text tells how."""
        shown = normalize(shown_part(rest))
        if len(shown) <= len(self._context):
            return None
        allowance = build_allowance(self._normalized_chars + len(shown) - len(self._context), self.carried)
        allowance.remaining += self._context_cost - self._cost
        written = rewrite_blocks(shown, allowance, self._language)
        if written is None or not self._continues(shown):
            return None
        return "".join((*self._written, _without_lines(written, self._context.count("\n")))).strip("\n")

    def _continues(self, shown: str) -> bool:
        """Check that the rows of a table are not those of a heading, which a line of signs makes of them."""
        return not self._context.count("\n") > 1 or read_blocks(shown)[0].type == "paragraph_open"

    def _move_to(self, restart: Restart) -> None:
        """Rewrite what is before the restart for good, if the browser's time allows."""
        before = self._rest[: restart.position]
        # Without the white space at its start, as that of the whole text.
        normalized = normalize(f"{before}x")[:-1]
        allowance = build_allowance(self._normalized_chars + len(normalized) - len(self._context), self.carried)
        allowance.remaining += self._context_cost - self._cost
        remaining = allowance.remaining
        written = rewrite_blocks(normalized, allowance, self._language)
        if written is None:
            return
        self._cost += remaining - allowance.remaining - self._context_cost
        if restart.context:
            self._cost += estimate_formula_signs(before)  # they count as soon as the table has a formula
        self._normalized_chars += len(normalized) - len(self._context)
        self._written.append(_without_lines(written, self._context.count("\n")))
        self._done.append(before[len(self._context) :])
        self._done_chars += len(before) - len(self._context)
        self._rest = restart.context + self._rest[restart.position :]
        self._context = restart.context
        self._context_cost = estimate_cost(read_blocks(self._context)) if self._context else 0.0


def _without_lines(text: str, count: int) -> str:
    """Return a text without its first lines."""
    return text.split("\n", count)[count] if count else text
