"""How an answer comes about, step by step: as it should, or with a fault on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from lib.demo import sayings
from lib.demo.pieces import Said, pieces
from lib.demo.wire import MESSAGES, Piece, Refused, encode, error
from lib.demo.wire_chat import Chat
from lib.demo.wire_messages import Messages

PING = b": PING\n\n"
_SILENCE = 600.0
_GAP = 60.0
_THINKING_RATE = 30.0
_FAILURE = ("overloaded_error", "The demo breaks off here, as it was meant to.")


@dataclass(frozen=True)
class Step:
    """Something to write, and the seconds before it: a beat of the answer's own pace, or a pause.

    After a step that is `torn` half of it is written, and the connection closed.
    """

    data: bytes = b""
    beat: float = 0.0
    pause: float = 0.0
    torn: bool = False


class Stage:
    """What a play has to work with; `failed` is the error that it came to."""

    def __init__(self, wire: Chat | Messages, said: Said, rate: float, request_id: str) -> None:
        self.wire, self.said = wire, said
        self.failed: Refused | None = None
        self._rate, self._request_id = rate, request_id
        self._pieces = iter(said)

    def speak(self, most: int | None = None) -> Iterator[Step]:
        """Yield the pieces that are left, or `most` of them."""
        for piece in islice(self._pieces, most):
            rate = self._rate if piece.kind == "text" else _THINKING_RATE
            yield Step(self.wire.piece(piece), beat=1 / rate)

    def fail(self, named: bool) -> bytes:
        """Return the event that reports the error."""
        self.failed = Refused(500, *_FAILURE)
        return self.wire.failure(*_FAILURE, self._request_id, named)

    def bare(self) -> bytes:
        """Return the error as a line that is no event."""
        self.failed = Refused(500, *_FAILURE)
        return encode(error(MESSAGES, *_FAILURE, self._request_id)) + b"\n"


Play = Callable[[Stage], Iterator[Step]]


def well(stage: Stage) -> Iterator[Step]:
    """The answer as it should be."""
    yield Step(stage.wire.opening())
    yield from stage.speak()
    yield Step(stage.wire.closing(stage.said.ends))


def silent(stage: Stage) -> Iterator[Step]:
    """Nothing at all, for a long time."""
    yield Step(pause=_SILENCE)


def restarted(stage: Stage) -> Iterator[Step]:
    """A try that is given up, then the answer from its beginning."""
    yield Step(stage.wire.opening())
    for words in pieces(sayings.FIRST_TRY):
        yield Step(stage.wire.piece(Piece(words)), beat=0.02)
    yield Step(stage.wire.restart(), pause=1.0)
    yield from stage.speak()
    yield Step(stage.wire.closing(stage.said.ends))


def paused(stage: Stage) -> Iterator[Step]:
    """A minute of silence after the first words."""
    yield Step(stage.wire.opening())
    yield from stage.speak(20)
    yield Step(pause=_GAP)
    yield from stage.speak()
    yield Step(stage.wire.closing(stage.said.ends))


def odd(stage: Stage) -> Iterator[Step]:
    """Events that no client knows, before, between and after those of the answer."""
    yield Step(stage.wire.early())
    yield Step(stage.wire.opening())
    yield Step(stage.wire.oddities())
    yield from stage.speak(12)
    yield Step(stage.wire.oddities())
    yield from stage.speak()
    yield Step(stage.wire.closing(stage.said.ends))
    yield Step(stage.wire.late())


def _broken(ending: Play) -> Play:
    """The answer up to a point, then an ending that is none; a limit that is reached first ends it well."""

    def play(stage: Stage) -> Iterator[Step]:
        yield Step(stage.wire.opening())
        yield from stage.speak()
        if stage.said.cut:
            yield Step(stage.wire.closing(stage.said.ends))
        else:
            yield from ending(stage)

    return play


def _torn(stage: Stage) -> Iterator[Step]:
    yield Step(stage.wire.piece(Piece(" here")), torn=True)


def _failed(stage: Stage) -> Iterator[Step]:
    chat = isinstance(stage.wire, Chat)
    yield Step(stage.fail(named=not chat) + (stage.wire.tail() if chat else b""))


def _named(stage: Stage) -> Iterator[Step]:
    yield Step(stage.fail(named=True))


def _unnamed(stage: Stage) -> Iterator[Step]:
    yield Step(stage.fail(named=False) + stage.wire.tail())


def _at_end(stage: Stage) -> Iterator[Step]:
    yield Step(stage.fail(named=False).rstrip(b"\n"))


def _bare(stage: Stage) -> Iterator[Step]:
    yield Step(stage.bare())


def _marked(stage: Stage) -> Iterator[Step]:
    yield Step(stage.wire.tail())


def _nothing(stage: Stage) -> Iterator[Step]:
    yield Step()


def _unmarked(stage: Stage) -> Iterator[Step]:
    yield Step(stage.wire.finish(stage.said.ends))


torn = _broken(_torn)
failed = _broken(_failed)
failed_named = _broken(_named)
failed_unnamed = _broken(_unnamed)
failed_at_end = _broken(_at_end)
failed_bare = _broken(_bare)
marked_only = _broken(_marked)
ended = _broken(_nothing)
finished_only = _broken(_unmarked)

# Those that strike in the middle of a text, and spare the rest of it when it is asked for.
STRIKING: frozenset[Play] = frozenset(
    (torn, failed, failed_named, failed_unnamed, failed_at_end, failed_bare, marked_only, ended)
)
