"""An answer cut into pieces, up to its limit or a stop sequence, several answers at once."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle

from lib.demo.wire import End, Piece

_CJK = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
_WIDE = re.compile(f"[{_CJK}]")
_UNIT = re.compile(rf"[{_CJK}]{{1,2}}\s*|[^\s{_CJK}]+\s*|\s+")


def tokens(text: str) -> int:
    """Return a rough count of tokens: one for a Chinese character, one for four of any others."""
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // 4)


def pieces(text: str) -> Iterator[str]:
    """Yield text in pieces of one to three words, or of two Chinese characters; joined, they are the text."""
    sizes, held, more = cycle((1, 2, 1, 3, 2)), "", 0
    for unit in _UNIT.findall(text):
        wide = _WIDE.match(unit)
        if held and (wide or not more):
            yield held
            held, more = "", 0
        more = 0 if wide else (more or next(sizes)) - 1
        held += unit
    if held:
        yield held


class Take:
    """One answer: its pieces, and once they are all out, its end.

    `most` is a number of pieces, with the end that it comes to where there would be more of them.
    """

    def __init__(
        self, said: Iterable[Piece], most: tuple[int, End] | None, stops: Sequence[str], end: End
    ) -> None:
        self._said, self._most, self._stops = said, most, stops
        self.end = end

    def __iter__(self) -> Iterator[Piece]:
        for made, piece in enumerate(self._until_stopped()):
            if self._most and made == self._most[0]:
                self.end = self._most[1]
                return
            yield piece

    def _until_stopped(self) -> Iterator[Piece]:
        """Yield the pieces before a stop sequence; what may be the beginning of one is held back."""
        held = ""
        last = Piece("")
        for piece in self._said:
            if piece.kind != "text":
                yield piece
                continue
            held, last = held + piece.text, piece
            found = min(((held.find(stop), stop) for stop in self._stops if stop in held), default=None)
            if found:
                self.end = End("stop", found[1])
                if found[0]:
                    yield Piece(held[: found[0]], "text", piece.choice)
                return
            if not any(_begins(held, stop) for stop in self._stops):
                yield Piece(held, "text", piece.choice)
                held = ""
        if held:
            yield Piece(held, "text", last.choice)


def _begins(text: str, stop: str) -> bool:
    """Whether a stop sequence may have begun at the end of text."""
    return any(text.endswith(stop[:size]) for size in range(1, min(len(stop), len(text) + 1)))


class Said:
    """All answers to one request: their pieces in turns, the last answer first; then their ends."""

    def __init__(self, takes: Sequence[Take]) -> None:
        self._takes = takes

    def __iter__(self) -> Iterator[Piece]:
        going = [iter(take) for take in reversed(self._takes)]
        while going:
            for one in list(going):
                piece = next(one, None)
                if piece is None:
                    going.remove(one)
                else:
                    yield piece

    @property
    def ends(self) -> list[End]:
        """Why each answer ended."""
        return [take.end for take in self._takes]

    @property
    def cut(self) -> bool:
        """Whether the first answer was ended by what the request asked for, not by itself."""
        return self._takes[0].end.why in ("length", "stop")
