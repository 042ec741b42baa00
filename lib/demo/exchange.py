"""A model of the menu and a request, put together: the steps of one answer."""

from collections.abc import Iterator

from lib.demo import plays, sayings, script
from lib.demo.menu import Model
from lib.demo.pieces import Said, Take
from lib.demo.plays import Stage, Step
from lib.demo.reading import Wanted
from lib.demo.wire import CHAT, Cache, End, Piece
from lib.demo.wire_chat import Chat
from lib.demo.wire_messages import Messages


def prepare(
    wanted: Wanted, model: Model, route: str, cache: Cache, request_id: str
) -> tuple[Stage, Iterator[Step]]:
    """Return the stage and the steps of the answer; raise Refused (400) where it cannot be given."""
    text = script.text(wanted, (model.english, model.chinese))
    strikes = model.play in plays.STRIKING
    words = text.before if strikes else text.before + text.after
    takes = [_take(wanted, model, words, text.rest, choice) for choice in range(wanted.count)]
    wire = (Chat if route == CHAT else Messages)(wanted, model.style, cache)
    stage = Stage(wire, Said(takes), model.rate, request_id)
    return stage, _steps(stage, model, plays.well if strikes and text.rest else model.play)


def _take(wanted: Wanted, model: Model, words: str, rest: bool, choice: int) -> Take:
    if choice:
        tongue = 1 if words and "\u3400" <= words[0] <= "\u9fff" else 0
        words = sayings.ALTERNATIVE[tongue].format(choice + 1, wanted.count) + words
    said = (script.spoken if rest else model.script)(wanted, words)
    most = (wanted.limit, End("length")) if wanted.limit else None
    if model.most and (model.again or not rest) and (most is None or model.most < most[0]):
        most = (model.most, End(model.why))
    end = End() if model.most or rest else End(model.why)
    return Take((Piece(piece.text, piece.kind, choice) for piece in said), most, wanted.stops, end)


def _steps(stage: Stage, model: Model, play: plays.Play) -> Iterator[Step]:
    for _ in range(model.quiet):
        yield Step(plays.PING, pause=1.0)
    yield from play(stage)
