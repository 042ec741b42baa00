"""Changes between two states of an answer are no larger than what is new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.checkpoints import (
    NodeChanges,
    PartsChange,
    SavedChanges,
    apply_changes,
    find_changes,
    measure_parts,
)
from lib.core.conversation import (
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    ThinkingPart,
    Usage,
)

TEXT, THOUGHT, SOURCE = TextPart("So far"), ThinkingPart("Hm", "c2"), SourcePart("https://example.org", "Title")
PREVIEW, IMAGE = ImagePart("image/png", "A" * 30), ImagePart("image/png", "B" * 40)


def answer(*parts, **facts) -> Node:
    return Node("a", "q", Message("assistant", parts), 1.0, Outcome.ARRIVING, **facts)


@pytest.mark.parametrize(
    ("old", "new", "body"),
    [
        ([], [TEXT], PartsChange(0, ((0, TEXT),))),
        ([THOUGHT, TEXT], [THOUGHT, TextPart("So far so")], PartsChange(2, (), ((1, TextPart(" so")),))),
        (
            [THOUGHT, TEXT],
            [ThinkingPart("Hm.", "c2ln", "x"), TEXT],
            PartsChange(2, (), ((0, ThinkingPart(".", "ln", "x")),)),
        ),
        ([TEXT], [TEXT, IMAGE], PartsChange(1, ((1, IMAGE),))),
        ([TEXT, THOUGHT], [TextPart("Anew")], PartsChange(1, ((0, TextPart("Anew")),))),
        ([TEXT, THOUGHT], [], PartsChange(0)),
        ([THOUGHT], [TEXT], PartsChange(1, ((0, TEXT),))),
        ([TEXT, THOUGHT], [TextPart("So far", (1,)), THOUGHT], PartsChange(2, ((0, TextPart("So far", (1,))),))),
        # Sources stay in their places when a part comes before them.
        ([TEXT, SOURCE], [TEXT, TEXT, SOURCE], PartsChange(1, ((1, TEXT),))),
    ],
)
def test_a_change_has_what_is_new(old, new, body):
    changes = find_changes(answer(*old), answer(*new))
    assert (changes.body, changes.sources) == (body, None)
    assert apply_changes(answer(*old), SavedChanges(body)) == answer(*new)
    assert changes.size == measure_parts([part for _, part in (*body.replaced, *body.grown)])
    assert not changes.has_new_facts


def test_a_source_and_a_fact_are_changes_of_their_own():
    assert find_changes(answer(TEXT), answer(TEXT)) == NodeChanges(None, None, (), False, 0)
    changes = find_changes(answer(TEXT), answer(TEXT, SOURCE, usage=Usage(1)))
    assert (changes.body, changes.sources) == (None, PartsChange(0, ((0, SOURCE),)))
    assert changes.has_new_facts
    assert find_changes(answer(), replace(answer(), finish_reason="stop")).has_new_facts


def test_what_takes_the_place_of_something_is_written_again_as_far_as_it_is_not_new():
    assert find_changes(answer(TEXT), answer(TEXT, IMAGE)).rewritten == ()
    assert find_changes(answer(PREVIEW), answer(IMAGE)).rewritten == (PREVIEW,)
    label = OtherPart("image", "12 KB")
    assert find_changes(answer(label), answer(IMAGE)).rewritten == (label,)
