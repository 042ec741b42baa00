"""Joining a continuation to its beginning: overlap is removed for any split into events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.turns.continuation import MAX_OVERLAP, deduplicate_continuation, remove_overlap
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.events import Event, Finish, Restart, TextDelta, TextWasThinking, ThinkingDelta

BEFORE = "The tides follow the moon, and the moon pulls at the"
DONE = Finish(Outcome.COMPLETE, "stop")


def join_continuation(before: str, *pieces: str) -> str:
    """Return the joined text of a continuation with one event per piece."""
    return "".join(
        event.text
        for event in deduplicate_continuation(before, [*map(TextDelta, pieces), DONE])
        if isinstance(event, TextDelta)
    )


OVERLAPS = {
    "nothing is repeated": (" water beneath it.", " water beneath it."),
    "the last words are repeated": ("the moon pulls at the water.", " water."),
    "everything is repeated": (BEFORE + " water.", " water."),
    "a single repeated word may be intended": ("the", "the"),
    "empty continuation": ("", ""),
    "partial repetition": ("the moon pulls and pulls.", "the moon pulls and pulls."),
    "repetition from the middle": (
        "The tides follow the moon, always.",
        "The tides follow the moon, always.",
    ),
}


@pytest.mark.parametrize("case", OVERLAPS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_repeated_text_is_removed_for_any_split(case, size):
    more, expected = OVERLAPS[case]
    assert remove_overlap(BEFORE, more) == expected
    assert join_continuation(BEFORE, *(more[start : start + size] for start in range(0, len(more), size))) == expected


@pytest.mark.parametrize("pieces", [("```python\nprint(2)\n",), ("``", "`pyt", "hon\npri", "nt(2)\n")])
def test_an_open_code_fence_is_not_opened_twice(pieces):
    assert join_continuation("See:\n\n```python\nprint(1)\n", *pieces) == "print(2)\n"


def test_a_new_code_fence_is_preserved():
    assert join_continuation("See:\n\n```\na\n```\n", "```\nb\n```") == "```\nb\n```"


def test_a_closing_code_fence_is_preserved():
    assert join_continuation("```python\nprint(1)", "\n```\nThat was it.") == "\n```\nThat was it."


def test_other_events_pass_unchanged_in_order():
    events: list[Event] = [ThinkingDelta("Hm."), TextDelta(" water", 3), DONE]
    assert list(deduplicate_continuation(BEFORE, events)) == events


def test_a_restart_discards_buffered_text():
    events = [TextDelta("the moon pu"), Restart(), TextDelta(" water."), DONE]
    assert list(deduplicate_continuation(BEFORE, events)) == [Restart(), TextDelta(" water."), DONE]


def test_buffered_text_is_flushed_before_an_error():
    def interrupted_stream():
        yield TextDelta("pulls at")
        raise errors.StreamInterrupted

    events = deduplicate_continuation(BEFORE, interrupted_stream())
    assert next(events) == TextDelta("pulls at")
    with pytest.raises(errors.StreamInterrupted):
        next(events)


@given(st.text("ab `\n", max_size=60), st.text("ab `\n", max_size=60), st.integers(1, 9))
def test_the_result_is_independent_of_the_split(before, more, size):
    pieces = [more[start : start + size] for start in range(0, len(more), size)]
    assert join_continuation(before, *pieces) == remove_overlap(before, more)


@given(st.text("abc ", max_size=MAX_OVERLAP), st.text("xyz", max_size=40))
def test_any_repeated_ending_is_removed(before, more):
    before += "-a repeated ending"  # enough letters not to count as a rule of dashes
    repetition = before[-min(len(before), MAX_OVERLAP) :]
    assert remove_overlap(before, repetition + more) == more


@pytest.mark.parametrize(
    ("before", "more"),
    [
        ("x = [0, 0, 0, 0, 0, 0,", " 0, 0, 0, 0, 0, 0, 1]"),
        ("| a | b |\n| --- | --- |", " --- | --- |"),
        ("```python\nprint(1)\n", "```\n\nDone."),
    ],
)
def test_periodic_text_and_block_endings_are_preserved(before, more):
    assert remove_overlap(before, more) == more == join_continuation(before, *more)


def test_only_the_first_alternative_is_continued():
    events: list[Event] = [
        TextDelta(" one"),
        TextDelta(" other", 0, 1),
        Finish(Outcome.COMPLETE, "stop", 1),
        DONE,
    ]
    assert list(deduplicate_continuation(BEFORE, events)) == [TextDelta(" one"), DONE]


def test_overlap_is_removed_behind_thinking_that_had_no_opening_tag():
    events = [TextDelta("I go on."), TextWasThinking(), TextDelta("the moon pulls at the water."), DONE]
    assert list(deduplicate_continuation(BEFORE, events)) == [
        TextDelta("I go on."),
        TextWasThinking(),
        TextDelta(" water."),
        DONE,
    ]
