"""The context window: what a next request would hold, and how much of a long path is sent. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lib.core import tokens, tree
from lib.core.conversation import Message, Node, Text, Window, new_id
from lib.core.params import Params
from lib.core.sanitize import count
from lib.core.target import Target
from lib.gateway.catalog import vendors

NEAR = 0.8  # of the window: from there on it is said that it fills
AIM = 0.5  # of the window that is filled after the oldest is left out, so that it holds for some turns
ROOM = 1024  # tokens that an answer may need where no limit is set for it, at most an eighth of the window
# A count that is so far from the estimate was of another path: of one with turns since deleted, say.
_FAR = 4.0
_SLACK = 400  # tokens of a system prompt that a gateway may add by itself
_COUNTERS = ("prompt_tokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")

LEAD = "Here is a summary of our conversation up to this point, in place of its beginning:\n\n"
UNDERSTOOD = "Understood. I will go on from there."


@dataclass(frozen=True)
class Need:
    """The tokens that a next request needs, its answer included, and the window that they have to fit in.

    `limit` is None where the window's size is unknown; then nothing is ever over it. `known` is whether the
    sum rests on what the gateway has counted, and only what is new is estimated.
    """

    tokens: int
    limit: int | None
    known: bool

    @property
    def over(self) -> bool:
        return self.limit is not None and self.tokens > self.limit

    @property
    def near(self) -> bool:
        return self.limit is not None and self.tokens > NEAR * self.limit


@dataclass(frozen=True)
class Fit:
    """What is left out so that the rest fits: `turns` of those that are sent now.

    `need` is what is needed then; it may still be over the limit, for the last turn always stays.
    """

    window: Window
    turns: int
    need: Need


def begin(path: Sequence[Node], window: Window | None) -> int:
    """The place in the path of the first message that is sent; 0 where nothing is left out."""
    places = (place for place, node in enumerate(path) if window and node.id == window.start)
    return next(places, 0)


def summary(path: Sequence[Node], window: Window | None) -> str:
    """The summary that is sent in place of what is left out, "" where there is none."""
    return window.summary.strip() if window and begin(path, window) else ""


def opening(path: Sequence[Node], window: Window | None) -> list[Message]:
    """What is sent before the window's first message: the summary, and a word that it was read.

    A question and an answer of their own are what both wires take with the sides in turns. The person's
    words and the system prompt stay as they are, so that what a gateway has cached of these still holds.
    """
    said = summary(path, window)
    if not said:
        return []
    return [Message("user", (Text(LEAD + said),)), Message("assistant", (Text(UNDERSTOOD),))]


def need(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    limit: int | None,
    window: Window | None = None,
) -> Need:
    """What a request with that question behind the path needs, in tokens, and the room it has.

    `text` is "" where the path itself is sent. `limit` is the model's window, None where it is unknown.
    """
    place = _counted(path, params, target, window)
    if place is None:
        held = _fixed(path, params, window) + sum(map(_size, path[begin(path, window) :]))
    else:
        held = _held(path[place]) + sum(map(_size, path[place + 1 :]))
    return Need(held + tokens.message(text) + room(params, limit), limit, place is not None)


def fit(
    path: Sequence[Node],
    text: str,
    params: Params,
    target: Target,
    limit: int,
    window: Window | None = None,
    more: int = 0,
) -> Fit | None:
    """The window that leaves out the oldest, as little of it as leaves the rest some room to grow.

    It begins with a question, and never later than with the last one of the path. `more` are tokens that
    will be needed besides, as for a summary. None where there is nothing that could be left out.
    """
    now = begin(path, window)
    places = [place for place, node in enumerate(path) if node.message.role == "user" and place > now]
    if not places:
        return None
    scale = _scale(path, params, target, window)
    fixed = tokens.estimate(params.system) + tokens.message(text)
    rest, needs = 0, {}
    for place in range(len(path) - 1, now, -1):
        rest += _size(path[place])
        needs[place] = int(scale * (fixed + rest)) + more + room(params, limit)
    start = next((place for place in places if needs[place] <= AIM * limit), places[-1])
    turns = 1 + sum(place < start for place in places)
    return Fit(Window(path[start].id), turns, Need(needs[start], limit, False))


def left_out(path: Sequence[Node], old: Window | None, new: Window) -> list[Node]:
    """What is sent with the old window, and no more with the new one."""
    return list(path[begin(path, old) : begin(path, new)])


def carried(path: Sequence[Node], window: Window, now: float) -> list[Node]:
    """The nodes of a new conversation that begins with what the window sends of the path.

    A summary becomes its first turn. `now` is the time of the first node, in seconds since 1970.
    """
    first = [Node(new_id(), None, message, now) for message in opening(path, window)]
    return tree.copied(
        # What it was counted with stays behind, so that no count of it tells of the new path.
        replace(
            node,
            created=now + place * 1e-5,
            usage=replace(node.usage, input=None, cached=None, written=None),
            request="",
        )
        for place, node in enumerate([*first, *path[begin(path, window) :]])
    )


def room(params: Params, limit: int | None) -> int:
    """The tokens that are kept for the answer."""
    if limit is None:
        return params.max_tokens or 0
    return min(params.max_tokens or min(ROOM, limit // 8), limit)


def _size(node: Node) -> int:
    return tokens.message(node.message.text)


def _fixed(path: Sequence[Node], params: Params, window: Window | None) -> int:
    """What stands before the path's own messages."""
    said = sum(tokens.message(message.text) for message in opening(path, window))
    return tokens.estimate(params.system) + said


def _held(node: Node) -> int:
    """What a path holds up to and with a counted answer; what was thought for it is not sent again."""
    usage = node.usage
    # Without a last word the count of what was said is a guess.
    said = (usage.output or 0) - (usage.reasoning or 0) if node.reason else _size(node)
    return (usage.input or 0) + max(said, 0)


def _counted(path: Sequence[Node], params: Params, target: Target, window: Window | None) -> int | None:
    """The place of the answer whose count holds for what is sent now; None where there is none.

    What is sent grows from turn to turn, so a count that fell shows where a window was moved. While all of
    the path is sent, its greatest count is the one to take. Where a window is set, only one that came
    after such a fall is of this window; its first turn was answered before it was set.
    """
    now = begin(path, window)
    counts = list(_counts(path, target))
    if now:
        since = next((at for at in range(now + 1, len(path)) if path[at].message.role == "user"), len(path))
        fallen = [
            place
            for (_, before), (place, input_) in zip(counts, counts[1:], strict=False)
            if input_ < before and place > since
        ]
        found = counts[-1][0] if fallen else None
    else:
        found = max(((held, place) for place, held in counts), default=(0, None))[1]
    if found is None:
        return None
    about = _fixed(path, params, window) + sum(map(_size, path[now : found + 1]))
    return found if about / _FAR <= _held(path[found]) <= about * _FAR + _SLACK else None


def _counts(path: Sequence[Node], target: Target) -> Iterator[tuple[int, int]]:
    """Places of answers, and what their requests held by the count of a model of the same family."""
    family = _family(target)
    for place, node in enumerate(path):
        held = node.usage.input
        if held and node.usage.output is not None and node.target and _family(node.target) == family:
            raw = node.served.get("usage")
            told = [count(raw.get(name)) or 0 for name in _COUNTERS] if isinstance(raw, dict) else []
            # An answer that was gone on with has the sum of its requests, and the raw count of the last.
            if not any(told) or sum(told) >= held:
                yield place, held


def _family(target: Target) -> str:
    """Whose tokens they are: makers count with one vocabulary for all their models of a time."""
    return vendors.of(target.model) or target.model


def _scale(path: Sequence[Node], params: Params, target: Target, window: Window | None) -> float:
    """How many times the estimate the gateway counts for this path, where that is more than once."""
    place = _counted(path, params, target, window)
    if place is None:
        return 1.0
    about = _fixed(path, params, window) + sum(map(_size, path[begin(path, window) : place + 1]))
    return min(_FAR, max(1.0, (_held(path[place]) - _SLACK) / max(1, about)))
