"""Thinking between tags: told apart from the text in whatever pieces it comes, and only where it is first."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core import errors
from lib.core.conversation import Outcome, TextPart, ThinkingPart
from lib.core.reply import Event, Finish, Heartbeat, Restart, TextDelta, ThinkingDelta
from lib.gateway.wires.think_tags import split_thinking
from tests.unit.gateway.recordings import Heard, hear

PIECES = ["<think>", "</think>", "<", "think", ">", "</", "\n", " ", "Hm", "Four", "世", "<thin", "/"]
STARTS = st.sampled_from(["", "<think>", "<think>\n", " \n<think>", "<think></think>", "\n"])
SAID = st.tuples(STARTS, st.lists(st.sampled_from(PIECES), max_size=8).map("".join)).map("".join)
PLACES = st.lists(st.integers(0, 60), max_size=8)

CASES = [
    ("", "", ""),
    ("Four", "", "Four"),
    ("<think>Hm</think>Four", "Hm", "Four"),
    ("<think>\nHm\n</think>\n\nFour\n", "Hm\n", "Four\n"),
    ("<think>\n\n\nHm</think>Four", "Hm", "Four"),
    (" \n<think>Hm</think> Four", "Hm", "Four"),
    ("<think></think>Four", "", "Four"),
    ("<think>Hm</think>", "Hm", ""),
    ("<think>Hm</think>Four</think>", "Hm", "Four</think>"),
    ("<think>Hm</think><think>Four</think>", "Hm", "<think>Four</think>"),
    ("<think>a<think>b</think>c", "a<think>b", "c"),
    ("<think>Hm", "Hm", ""),
    ("<think>Hm</thin", "Hm</thin", ""),
    ("<think>Hm<</think>Four", "Hm<", "Four"),
    ("<think>Hm</</think>Four", "Hm</", "Four"),
    ("<think>", "", ""),
    ("<thin", "", "<thin"),
    ("  <thin", "", "  <thin"),
    (" \n", "", " \n"),
    ("<thinker>Hm</thinker>", "", "<thinker>Hm</thinker>"),
    ("<Think>Hm</Think>", "", "<Think>Hm</Think>"),
    ("</think>Four", "", "</think>Four"),
    ("Say <think>Hm</think>", "", "Say <think>Hm</think>"),
    ("<<think>Hm</think>", "", "<<think>Hm</think>"),
]


def cut(said: str, places: Iterable[int], choice: int = 0) -> list[Event]:
    """A text as it comes in pieces, cut at these places; none of them is empty."""
    bounds = sorted({0, len(said), *(place % (len(said) + 1) for place in places)})
    return [TextDelta(said[start:end], 0, choice) for start, end in pairwise(bounds)]


def parted(events: Iterable[Event], choice: int = 0) -> tuple[str, str]:
    """The thinking and the text of one alternative, letter for letter."""
    found = [event for event in split_thinking(events) if getattr(event, "choice", None) == choice]
    thinking = "".join(event.text for event in found if isinstance(event, ThinkingDelta))
    return thinking, "".join(event.text for event in found if isinstance(event, TextDelta))


@pytest.mark.parametrize(("said", "thinking", "text"), CASES)
def test_thinking_is_told_apart_in_every_split(said: str, thinking: str, text: str) -> None:
    for first in range(len(said) + 1):
        for second in range(first, len(said) + 1):
            assert parted(cut(said, (first, second))) == (thinking, text), (first, second)
    assert parted(cut(said, range(len(said)))) == (thinking, text)


@settings(deadline=None)
@given(said=SAID, places=PLACES)
def test_no_split_of_any_text_changes_what_it_says(said: str, places: list[int]) -> None:
    whole = parted(cut(said, ()))
    assert parted(cut(said, places)) == whole
    if not said.lstrip().startswith("<think>"):
        assert whole == ("", said)


@settings(deadline=None)
@given(
    said=st.lists(SAID, min_size=2, max_size=3), order=st.lists(st.integers(0, 2), max_size=30), places=PLACES
)
def test_each_alternative_has_tags_of_its_own(said: list[str], order: list[int], places: list[int]) -> None:
    queues = [cut(text, places, choice) for choice, text in enumerate(said)]
    events: list[Event] = []
    for choice in [*order, *(choice for choice in range(3) for _ in range(100))]:
        if choice < len(queues) and queues[choice]:
            events.append(queues[choice].pop(0))
    for choice, text in enumerate(said):
        assert parted(events, choice) == parted(cut(text, ()))


def broken(*events: Event) -> Iterator[Event]:
    yield from events
    raise errors.StreamInterrupted


@pytest.mark.parametrize(
    ("said", "thinking", "text"),
    [("<thi", "", "<thi"), ("<think>Hm</th", "Hm</th", ""), ("<think>Hm</think>", "Hm", ""), (" ", "", " ")],
)
def test_what_is_held_back_comes_out_before_an_error(said: str, thinking: str, text: str) -> None:
    found: list[Event] = []
    with pytest.raises(errors.StreamInterrupted):
        found.extend(split_thinking(broken(TextDelta(said))))
    assert parted(found) == (thinking, text)


def test_a_new_beginning_may_think_anew() -> None:
    old, new = cut("<think>old</think>old", [3, 9]), cut("<think>Hm</think>Four", [3, 9])
    for first in (old, old[:1], old[:2], cut("plain", ())):
        found = hear(split_thinking([*first, Restart(), *new]))
        assert found.reply.parts() == (ThinkingPart("Hm"), TextPart("Four"))


def test_what_is_no_text_goes_through_in_its_place() -> None:
    end = Finish(Outcome.COMPLETE, "stop")
    events = [Heartbeat(), ThinkingDelta("Hm"), TextDelta("<think>a</think>b"), end]
    assert list(split_thinking(events)) == [
        Heartbeat(),
        ThinkingDelta("Hm"),
        ThinkingDelta("a"),
        TextDelta("b"),
        end,
    ]


def test_a_text_is_handed_on_as_soon_as_it_can_be_no_tag() -> None:
    def source() -> Iterator[Event]:
        for word in ("<", "b", "c"):
            yield TextDelta(word)
        pytest.fail("more was asked for")

    events = split_thinking(source())
    assert [next(events), next(events)] == [TextDelta("<b"), TextDelta("c")]


def test_an_unclosed_thought_is_an_empty_answer() -> None:
    found: Heard = hear(split_thinking([TextDelta("<think>Hm"), Finish(Outcome.COMPLETE, "stop")]))
    assert (found.thinking, found.text, found.reply.outcome()) == ("Hm", "", Outcome.EMPTY)
