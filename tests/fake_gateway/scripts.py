"""What a demo model says to a request: its own text, or the rest of one that was cut."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from lib.demo import answers, sayings
from lib.demo.answers import Ask
from lib.demo.pieces import pieces
from lib.demo.reading import PAUSING, Turn, Wanted
from lib.demo.wire import Kind, Piece
from lib.demo.wire_chat import arguments

_GO_ON = re.compile(r"continue|继续", re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?(</think>\s*|$)", re.DOTALL)
_REPEATED = 40
# Paragraphs of thinking by effort; all of them where nothing is said of it.
_DEPTHS = {"none": 0, "minimal": 1, "low": 1, "medium": 2}
_ENDLESS_MOST = 72_000

# The pieces of one answer, made from what was wanted and its text.
Script = Callable[[Wanted, str], Iterable[Piece]]


@dataclass(frozen=True)
class Text:
    """What is to be said: up to where a fault strikes, and after it; `rest` of a text that was cut."""

    before: str
    after: str = ""
    rest: bool = False


def text(wanted: Wanted, words: tuple[str, str]) -> Text:
    """Return what the model says to the last question, or how it goes on with what it said before.

    `words` tell what the model shows, in English and Chinese.
    """
    turns = wanted.turns
    first = len(turns) - 1
    while first and _GO_ON.match(turns[first].question):
        first -= 1
    said = _own(wanted, turns[: first + 1], words)
    if wanted.model == PAUSING and _cut(turns[-1], said):
        return Text((said.before + said.after)[len(_spoken(turns[-1])) :], rest=True)
    for last in range(first + 1, len(turns)):
        whole, cut = said.before + said.after, _spoken(turns[last - 1])
        if _cut(turns[last - 1], said) and wanted.model != "demo-echo":
            said = Text(whole[len(cut) :], rest=True)
        else:
            said = _own(wanted, turns[: last + 1], words)
    if said.rest and wanted.model == "demo-repeats":
        return Text(turns[-2].answer[-_REPEATED:] + said.before, rest=True)
    return said


def _cut(turn: Turn, said: Text) -> bool:
    """Whether the answer of a turn is the beginning, and not all, of what would have been said."""
    whole, given = said.before + said.after, _spoken(turn)
    return bool(given) and given != whole and whole.startswith(given)


def _spoken(turn: Turn) -> str:
    """The answer of a turn without what was thought in tags before it."""
    return _THOUGHT.sub("", turn.answer, count=1) if turn.answer.startswith("<think>") else turn.answer


def _own(wanted: Wanted, turns: Sequence[Turn], words: tuple[str, str]) -> Text:
    """What the model says to the last of the turns, whatever came before."""
    ask = Ask(wanted.system, tuple(turn.question for turn in turns), turns[-1].files, wanted.seed)
    if wanted.form is not None:
        return Text(answers.as_json(wanted.form, ask))
    match wanted.model:
        case "demo-tour":
            return Text(answers.tour(ask))
        case "demo-echo":
            return Text(answers.echo(wanted.body))
        case "demo-one-big-event":
            return Text(answers.tour(Ask("", ("A long answer, please.",), 0)))
        case "demo-cheap":
            return Text(answers.beginning(ask))
        case "demo-refuses":
            return Text(sayings.REFUSAL[ask.tongue])
    sample = sayings.SAMPLE[ask.tongue].format(name=wanted.model, words=words[ask.tongue])
    before, _, after = sayings.SPOKEN.get(wanted.model, sample).partition(sayings.BREAK)
    return Text(before, after)


def _of(kind: Kind, said: str) -> Iterator[Piece]:
    return (Piece(piece, kind) for piece in pieces(said))


def spoken(wanted: Wanted, said: str) -> Iterator[Piece]:
    """The text alone."""
    return _of("text", said)


def _thoughts(wanted: Wanted) -> str:
    paragraphs = sayings.THINKING.split("\n\n")
    return "\n\n".join(paragraphs[: _DEPTHS.get(wanted.depth, len(paragraphs))])


def thinking(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking, as deep as was asked for, then the text; or its signature alone where it is not shown."""
    thoughts = _thoughts(wanted)
    if thoughts and wanted.shown:
        yield from _of("thinking", thoughts)
    elif thoughts:
        yield Piece(thoughts, "sealed")
    yield from spoken(wanted, said)


def sealed(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking of which only the signature is shown, then the text."""
    yield Piece(sayings.THINKING, "sealed")
    yield from spoken(wanted, said)


def redacted(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking that is closed to everybody, then the text."""
    yield Piece(sayings.THINKING, "redacted")
    yield from spoken(wanted, said)


def tagged(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking inside the text, in tags that come in two pieces each."""
    for piece in ("<thi", "nk>\n", *pieces(sayings.THINKING), "\n</", "think>\n", *pieces(said)):
        yield Piece(piece)


def thoughts_only(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking, and no word after it."""
    return _of("thinking", sayings.THINKING)


def between(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Thinking that goes on while the text is already coming."""
    thoughts, words = list(_of("thinking", sayings.THINKING)), list(spoken(wanted, said))
    yield from thoughts[: -len(words)]
    for thought, word in zip(thoughts[-len(words) :], words, strict=False):
        yield from (word, thought)
    yield from words[len(thoughts) :]


def refusal(wanted: Wanted, said: str) -> Iterator[Piece]:
    """The words of a refusal, in the place that the wire has for them."""
    return _of("refusal", said)


def calling(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Some text, then the call of a tool."""
    yield from islice(spoken(wanted, said), 20)
    called = arguments(wanted.turns[-1].question[:80])
    yield from (Piece(called[at : at + 8], "tool") for at in range(0, len(called), 8))


def unknown(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Something that no client knows, then the text."""
    yield from _of("unknown", "a shape made of light")
    yield from spoken(wanted, said)


def nothing(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Not a word."""
    return iter(())


def at_once(wanted: Wanted, said: str) -> Iterator[Piece]:
    """All of the text in one piece."""
    yield Piece(said)


def endless(wanted: Wanted, said: str) -> Iterator[Piece]:
    """Line after line, for half an hour; or for as long as a whole answer may take."""
    lines = chain.from_iterable(map(pieces, answers.endless()))
    return (Piece(line) for line in islice(lines, _ENDLESS_MOST if wanted.stream else 120))
