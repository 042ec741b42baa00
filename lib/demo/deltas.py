"""Texts split into deltas, limited by length and stop sequences, for several choices at once."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle

from lib.demo.wire import Delta, Finish, FinishReason

_CJK = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
_WIDE = re.compile(f"[{_CJK}]")
_UNIT = re.compile(rf"[{_CJK}]{{1,2}}\s*|[^\s{_CJK}]+\s*|\s+")


def count_tokens(text: str) -> int:
    """Return a rough count of tokens: one for a Chinese character, one for four other characters."""
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // 4)


def split_text(text: str) -> Iterator[str]:
    """Yield `text` in chunks of one to three words or of two Chinese characters, without loss."""
    sizes, piece, remaining = cycle((1, 2, 1, 3, 2)), "", 0
    for unit in (match[0] for match in _UNIT.finditer(text)):
        is_wide = _WIDE.match(unit)
        if piece and (is_wide or not remaining):
            yield piece
            piece, remaining = "", 0
        remaining = 0 if is_wide else (remaining or next(sizes)) - 1
        piece += unit
    if piece:
        yield piece


class ChoiceStream:
    """The deltas of one choice; once all are out, `finish` is its end.

    `limit` is a number of deltas, with the finish reason of a choice that would have more.
    """

    def __init__(
        self,
        deltas: Iterable[Delta],
        limit: tuple[int, FinishReason] | None,
        stop_sequences: Sequence[str],
        finish: Finish,
    ) -> None:
        self._deltas, self._limit, self._stop_sequences = deltas, limit, stop_sequences
        self.finish = finish

    def __iter__(self) -> Iterator[Delta]:
        for count, delta in enumerate(self._until_stop_sequence()):
            if self._limit and count == self._limit[0]:
                self.finish = Finish(self._limit[1])
                return
            yield delta

    @property
    def is_limited(self) -> bool:
        """True when a limit or a stop sequence of the request ended the choice."""
        return self.finish.reason in ("length", "stop_sequence")

    def _until_stop_sequence(self) -> Iterator[Delta]:
        """Yield the deltas before a stop sequence; text that may be the beginning of one is buffered."""
        buffered, last = "", Delta("")
        for delta in self._deltas:
            if delta.kind != "text":
                yield delta
                continue
            buffered, last = buffered + delta.text, delta
            match = min(
                ((buffered.find(stop), stop) for stop in self._stop_sequences if stop in buffered),
                default=None,
            )
            if match:
                self.finish = Finish("stop_sequence", match[1])
                if match[0]:
                    yield Delta(buffered[: match[0]], "text", delta.choice)
                return
            if not any(_ends_with_start(buffered, stop) for stop in self._stop_sequences):
                yield Delta(buffered, "text", delta.choice)
                buffered = ""
        if buffered:
            yield Delta(buffered, "text", last.choice)


def _ends_with_start(text: str, stop: str) -> bool:
    """Return True if `text` ends with the beginning of a stop sequence."""
    return any(text.endswith(stop[:size]) for size in range(1, min(len(stop), len(text) + 1)))


def interleave(choices: Sequence[ChoiceStream]) -> Iterator[Delta]:
    """Yield the deltas of all choices in turns, those of the last choice first."""
    streams = [iter(choice) for choice in reversed(choices)]
    while streams:
        for stream in list(streams):
            delta = next(stream, None)
            if delta is None:
                streams.remove(stream)
            else:
                yield delta
