"""A continuation joined to what it continues: nothing twice, nothing lost, whatever its pieces are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.chat.turns.continuation import MAX_OVERLAP, deduplicate_continuation, remove_overlap
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.events import Event, Finish, Restart, TextDelta, ThinkingDelta

BEFORE = "The tides follow the moon, and the moon pulls at the"
DONE = Finish(Outcome.COMPLETE, "stop")


def said(before: str, *pieces: str) -> str:
    """Return the joined text of a continuation, from one event for each piece."""
    return "".join(
        event.text
        for event in deduplicate_continuation(before, [*map(TextDelta, pieces), DONE])
        if isinstance(event, TextDelta)
    )


JOINTS = {
    "nothing is repeated": (" water beneath it.", " water beneath it."),
    "the last words are": ("the moon pulls at the water.", " water."),
    "all of it is": (BEFORE + " water.", " water."),
    "a single word is, which may be meant": ("the", "the"),
    "nothing comes": ("", ""),
    "it only looks like a repetition at first": ("the moon pulls and pulls.", "the moon pulls and pulls."),
    "words from the middle are not the end": (
        "The tides follow the moon, always.",
        "The tides follow the moon, always.",
    ),
}


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_said_again_is_left_out_however_it_is_cut(joint, size):
    more, kept = JOINTS[joint]
    assert remove_overlap(BEFORE, more) == kept
    assert said(BEFORE, *(more[at : at + size] for at in range(0, len(more), size))) == kept


@pytest.mark.parametrize("pieces", [("```python\nprint(2)\n",), ("``", "`pyt", "hon\npri", "nt(2)\n")])
def test_a_fence_that_is_still_open_is_not_opened_anew(pieces):
    assert said("See:\n\n```python\nprint(1)\n", *pieces) == "print(2)\n"


def test_a_fence_is_opened_where_none_is_open():
    assert said("See:\n\n```\na\n```\n", "```\nb\n```") == "```\nb\n```"


def test_the_fence_that_closes_a_block_is_kept():
    assert said("```python\nprint(1)", "\n```\nThat was it.") == "\n```\nThat was it."


def test_what_is_no_text_passes_at_once_and_in_its_place():
    events: list[Event] = [ThinkingDelta("Hm."), TextDelta(" water", 3), DONE]
    assert list(deduplicate_continuation(BEFORE, events)) == events


def test_a_restart_makes_what_was_held_back_void():
    events = [TextDelta("the moon pu"), Restart(), TextDelta(" water."), DONE]
    assert list(deduplicate_continuation(BEFORE, events)) == [Restart(), TextDelta(" water."), DONE]


def test_what_was_held_back_comes_before_the_error():
    def breaks():
        yield TextDelta("pulls at")
        raise errors.StreamInterrupted

    held = deduplicate_continuation(BEFORE, breaks())
    assert next(held) == TextDelta("pulls at")
    with pytest.raises(errors.StreamInterrupted):
        next(held)


@given(some.text("ab `\n", max_size=60), some.text("ab `\n", max_size=60), some.integers(1, 9))
def test_any_cut_gives_the_same_text(before, more, size):
    pieces = [more[at : at + size] for at in range(0, len(more), size)]
    assert said(before, *pieces) == remove_overlap(before, more)


@given(some.text("abc ", max_size=MAX_OVERLAP), some.text("xyz", max_size=40))
def test_any_end_that_is_said_again_is_left_out(before, more):
    before += "-what is said again"  # letters enough to be no rule of dashes
    again = before[-min(len(before), MAX_OVERLAP) :]
    assert remove_overlap(before, again + more) == more


@pytest.mark.parametrize(
    ("before", "more"),
    [
        ("x = [0, 0, 0, 0, 0, 0,", " 0, 0, 0, 0, 0, 0, 1]"),
        ("| a | b |\n| --- | --- |", " --- | --- |"),
        ("```python\nprint(1)\n", "```\n\nDone."),
    ],
)
def test_what_repeats_by_itself_and_the_end_of_a_block_are_kept(before, more):
    assert remove_overlap(before, more) == more == said(before, *more)


def test_only_the_first_alternative_goes_on():
    events: list[Event] = [
        TextDelta(" one"),
        TextDelta(" other", 0, 1),
        Finish(Outcome.COMPLETE, "stop", 1),
        DONE,
    ]
    assert list(deduplicate_continuation(BEFORE, events)) == [TextDelta(" one"), DONE]
