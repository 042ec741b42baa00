"""The fold of an answer's events: valid after any prefix, whatever the pieces and the order of the blocks."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.conversation import Message, Node, Outcome, TextPart, ThinkingPart, Usage
from lib.core.events import (
    Event,
    Finish,
    ProviderMetadata,
    Restart,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.reply import Reply
from lib.core.sanitize import parse_token_count, replace_surrogates

COMPLETE = Finish(Outcome.COMPLETE, "stop")
LETTERS = st.text(st.sampled_from("ab \n世😀") | st.characters(), max_size=12)
DELTAS = st.builds(TextDelta, LETTERS, st.integers(0, 2)) | st.builds(
    ThinkingDelta, LETTERS, st.integers(0, 2)
)
EVENTS = st.one_of(
    DELTAS,
    st.builds(SignatureDelta, LETTERS, st.integers(0, 2)),
    st.builds(UsageReport, st.builds(Usage, st.integers(0, 9), st.integers(0, 9))),
    st.builds(Finish, st.sampled_from([Outcome.COMPLETE, Outcome.LENGTH]), LETTERS),
    st.builds(lambda id_, model: ProviderMetadata({"id": id_, "model": model}), LETTERS, LETTERS),
    st.just(Restart()),
)


def fold(*events: Event) -> Reply:
    reply = Reply()
    for event in events:
        reply.add(event)
    return reply


def all_of(reply: Reply) -> tuple[object, ...]:
    return (
        reply.parts(),
        reply.usage,
        reply.finish,
        reply.provider_metadata,
        reply.restart_count,
        reply.outcome(),
    )


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_it_is_valid_after_any_prefix_and_looking_changes_nothing(events: list[Event]) -> None:
    looked_at = Reply()
    for number, event in enumerate(events, 1):
        looked_at.add(event)
        assert all_of(looked_at) == all_of(fold(*events[:number]))
        message = looked_at.message()
        (message.text + message.thinking).encode()
        assert message.role == "assistant"
        assert all(part != TextPart("") and part != ThinkingPart("") for part in message.parts)


@settings(deadline=None)
@given(st.lists(DELTAS, max_size=8), st.data())
def test_splitting_the_deltas_changes_nothing(
    deltas: list[TextDelta | ThinkingDelta], data: st.DataObject
) -> None:
    split: list[Event] = []
    for delta in deltas:
        cut = data.draw(st.integers(0, len(delta.text)))
        split += [replace(delta, text=delta.text[:cut]), replace(delta, text=delta.text[cut:])]
    assert fold(*split).parts() == fold(*deltas).parts()


@settings(deadline=None)
@given(st.lists(DELTAS, max_size=8))
def test_blocks_join_in_their_order_whatever_the_order_they_came_in(
    deltas: list[TextDelta | ThinkingDelta],
) -> None:
    in_order = sorted(deltas, key=lambda delta: delta.block)
    assert fold(*deltas).parts() == fold(*in_order).parts()


def test_thinking_stands_before_the_text_of_the_same_block() -> None:
    assert fold(TextDelta("b"), ThinkingDelta("a")).parts() == (ThinkingPart("a"), TextPart("b"))


def test_the_halves_of_a_letter_are_joined_and_a_lone_one_replaced() -> None:
    high, low = "😀".encode("utf-16-be", "surrogatepass")[:2], "😀".encode("utf-16-be")[2:]
    first, second = (half.decode("utf-16-be", "surrogatepass") for half in (high, low))
    reply = fold(TextDelta("a" + first))
    assert reply.message().text == "a\ufffd"
    assert fold(TextDelta("a" + first), TextDelta(second + "b")).message().text == "a😀b"
    assert fold(TextDelta(second)).message().text == "\ufffd"


def test_looking_between_the_halves_of_a_letter_does_not_spoil_it() -> None:
    reply = fold(TextDelta("a"), TextDelta("\ud83d"))
    assert reply.message().text == "a\ufffd"
    reply.add(TextDelta("\ude00"))
    assert reply.message().text == "a😀"


def test_half_a_letter_in_what_is_kept_beside_the_text_is_replaced() -> None:
    reply = fold(
        ProviderMetadata({"id": "\ud83d", "model": "m\udc00"}),
        SignatureDelta("\ud83d"),
        Finish(Outcome.COMPLETE, "\ud83d"),
    )
    # As ASCII, for a failure with half a letter in it could not be reported.
    assert ascii(reply.provider_metadata) == ascii({"id": "\ufffd", "model": "m\ufffd"})
    assert ascii(reply.finish) == ascii(Finish(Outcome.COMPLETE, "\ufffd"))
    assert ascii(reply.parts()) == ascii((ThinkingPart("", "\ufffd"),))


def test_a_restart_makes_all_before_it_void() -> None:
    reply = fold(TextDelta("old"), UsageReport(Usage(1, 2)), COMPLETE, Restart(), TextDelta("new"))
    assert (reply.message().text, reply.usage, reply.finish, reply.restart_count) == ("new", Usage(), None, 1)
    assert reply.outcome() is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], Outcome.INTERRUPTED),
        ([TextDelta("a")], Outcome.INTERRUPTED),
        ([TextDelta("a"), COMPLETE], Outcome.COMPLETE),
        ([COMPLETE], Outcome.EMPTY),
        ([TextDelta(" \n"), COMPLETE], Outcome.EMPTY),
        ([ThinkingDelta("a"), COMPLETE], Outcome.EMPTY),
        ([Finish(Outcome.LENGTH, "length")], Outcome.LENGTH),
        ([Finish(Outcome.REFUSED, "refusal")], Outcome.REFUSED),
    ],
)
def test_how_it_ended(events: list[Event], outcome: Outcome) -> None:
    assert fold(*events).outcome() is outcome


def test_a_later_usage_replaces_an_earlier_one_where_it_has_a_count() -> None:
    assert fold(UsageReport(Usage(1, 2, 3)), UsageReport(Usage(4))).usage == Usage(4, 2, 3)


def test_a_node_gets_what_has_come_and_keeps_the_rest() -> None:
    node = Node("id", "parent", Message("assistant", ()), 7.0, Outcome.ARRIVING)
    found = fold(TextDelta("a"), UsageReport(Usage(1)), Finish(Outcome.LENGTH, "length")).apply_to(node)
    assert found == replace(
        node, message=Message("assistant", (TextPart("a"),)), usage=Usage(1), finish_reason="length"
    )


def test_thoughts_are_joined_without_the_blank_lines_around_them() -> None:
    parts = (ThinkingPart("\none\n"), TextPart("a"), ThinkingPart(" "), ThinkingPart("two"), TextPart("b"))
    message = Message("assistant", parts)
    assert (message.thinking, message.text) == ("one\n\ntwo", "ab")


@settings(deadline=None)
@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_whole_text_can_always_be_written(text: str) -> None:
    assert replace_surrogates(replace_surrogates(text)) == replace_surrogates(text)
    replace_surrogates(text).encode()


@pytest.mark.parametrize(
    ("value", "meant"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)]
)
def test_a_count_is_a_number_from_zero_up(value: object, meant: int | None) -> None:
    assert parse_token_count(value) == meant
