"""Replies built from events: valid after any prefix, for any split and block order."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    FinishRevoked,
    ProviderMetadata,
    Restart,
    SignatureDelta,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    TurnContinued,
    UsageReport,
)
from lib.core.images import MAX_ANSWER_IMAGE_BYTES
from lib.core.reply import Reply
from lib.core.sanitize import parse_token_count, replace_surrogates

COMPLETE = Finish(Outcome.COMPLETE, "stop")
LETTERS = st.text(st.sampled_from("ab \n世😀") | st.characters(), max_size=12)
DELTAS = st.builds(TextDelta, LETTERS, st.integers(0, 2)) | st.builds(ThinkingDelta, LETTERS, st.integers(0, 2))
EVENTS = st.one_of(
    DELTAS,
    st.builds(SignatureDelta, LETTERS, st.integers(0, 2)),
    st.builds(UsageReport, st.builds(Usage, st.integers(0, 9), st.integers(0, 9))),
    st.builds(Finish, st.sampled_from([Outcome.COMPLETE, Outcome.LENGTH]), LETTERS),
    st.builds(lambda id_, model: ProviderMetadata({"id": id_, "model": model}), LETTERS, LETTERS),
    st.just(Restart()),
    st.builds(ContentPart, st.builds(OtherPart, LETTERS, LETTERS), st.integers(0, 2)),
    st.builds(Citation, st.builds(SourcePart, LETTERS, LETTERS), st.integers(0, 2)),
    st.builds(TextWasThinking, st.integers(0, 2)),
    st.just(FinishRevoked()),
)


def fold(*events: Event) -> Reply:
    reply = Reply()
    for event in events:
        reply.add(event)
    return reply


def fields_of(reply: Reply) -> tuple[object, ...]:
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
def test_a_reply_is_valid_after_any_prefix_and_reading_changes_nothing(events: list[Event]) -> None:
    inspected = Reply()
    for number, event in enumerate(events, 1):
        inspected.add(event)
        assert fields_of(inspected) == fields_of(fold(*events[:number]))
        message = inspected.message()
        (message.text + message.thinking).encode()
        assert message.role == "assistant"
        assert all(part != TextPart("") and part != ThinkingPart("") for part in message.parts)


@settings(deadline=None)
@given(st.lists(DELTAS, max_size=8), st.data())
def test_the_result_is_independent_of_the_split(deltas: list[TextDelta | ThinkingDelta], data: st.DataObject) -> None:
    split: list[Event] = []
    for delta in deltas:
        cut = data.draw(st.integers(0, len(delta.text)))
        split += [replace(delta, text=delta.text[:cut]), replace(delta, text=delta.text[cut:])]
    assert fold(*split).parts() == fold(*deltas).parts()


@settings(deadline=None)
@given(st.lists(DELTAS, max_size=8))
def test_blocks_are_joined_by_index(
    deltas: list[TextDelta | ThinkingDelta],
) -> None:
    in_order = sorted(deltas, key=lambda delta: delta.block)
    assert fold(*deltas).parts() == fold(*in_order).parts()


def test_thinking_precedes_the_text_of_its_block() -> None:
    assert fold(TextDelta("b"), ThinkingDelta("a")).parts() == (ThinkingPart("a"), TextPart("b"))


def test_surrogate_pairs_are_joined_and_lone_surrogates_replaced() -> None:
    high, low = "😀".encode("utf-16-be", "surrogatepass")[:2], "😀".encode("utf-16-be")[2:]
    first, second = (half.decode("utf-16-be", "surrogatepass") for half in (high, low))
    reply = fold(TextDelta("a" + first))
    assert reply.message().text == "a\ufffd"
    assert fold(TextDelta("a" + first), TextDelta(second + "b")).message().text == "a😀b"
    assert fold(TextDelta(second)).message().text == "\ufffd"


def test_reading_between_surrogates_does_not_split_the_character() -> None:
    reply = fold(TextDelta("a"), TextDelta("\ud83d"))
    assert reply.message().text == "a\ufffd"
    reply.add(TextDelta("\ude00"))
    assert reply.message().text == "a😀"


def test_lone_surrogates_in_metadata_are_replaced() -> None:
    reply = fold(
        ProviderMetadata({"id": "\ud83d", "model": "m\udc00"}),
        SignatureDelta("\ud83d"),
        Finish(Outcome.COMPLETE, "\ud83d"),
    )
    # As ASCII, because pytest cannot print a lone surrogate.
    assert ascii(reply.provider_metadata) == ascii({"id": "\ufffd", "model": "m\ufffd"})
    assert ascii(reply.finish) == ascii(Finish(Outcome.COMPLETE, "\ufffd"))
    assert ascii(reply.parts()) == ascii((ThinkingPart("", "\ufffd"),))


def test_a_restart_discards_earlier_events() -> None:
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
        ([ContentPart(ImagePart(url="https://a.example/")), COMPLETE], Outcome.COMPLETE),
        ([ContentPart(OtherPart("audio")), COMPLETE], Outcome.COMPLETE),
        ([Citation(SourcePart("https://a.example/")), COMPLETE], Outcome.COMPLETE),
        ([Citation(SourcePart()), COMPLETE], Outcome.EMPTY),
        ([TextDelta("a"), COMPLETE, FinishRevoked()], Outcome.INTERRUPTED),
    ],
)
def test_outcome_of_events(events: list[Event], outcome: Outcome) -> None:
    assert fold(*events).outcome() is outcome


def test_later_usage_counts_replace_earlier_ones() -> None:
    assert fold(UsageReport(Usage(1, 2, 3)), UsageReport(Usage(4))).usage == Usage(4, 2, 3)


def test_apply_to_updates_only_received_fields() -> None:
    node = Node("id", "parent", Message("assistant", ()), 7.0, Outcome.ARRIVING)
    updated_node = fold(TextDelta("a"), UsageReport(Usage(1)), Finish(Outcome.LENGTH, "length")).apply_to(node)
    assert updated_node == replace(
        node, message=Message("assistant", (TextPart("a"),)), usage=Usage(1), finish_reason="length"
    )


def test_thinking_parts_are_joined_without_surrounding_blank_lines() -> None:
    parts = (ThinkingPart("\none\n"), TextPart("a"), ThinkingPart(" "), ThinkingPart("two"), TextPart("b"))
    message = Message("assistant", parts)
    assert (message.thinking, message.text) == ("one\n\ntwo", "ab")


@settings(deadline=None)
@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_text_without_surrogates_can_be_encoded(text: str) -> None:
    assert replace_surrogates(replace_surrogates(text)) == replace_surrogates(text)
    replace_surrogates(text).encode()


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)]
)
def test_token_counts_are_non_negative_integers(value: object, expected: int | None) -> None:
    assert parse_token_count(value) == expected


PICTURE, SOURCE = ImagePart(url="https://a.example/"), SourcePart("https://a.example/", "A")


def test_content_stands_in_its_block_before_the_text_and_is_replaced_by_a_later_one() -> None:
    reply = fold(TextDelta("a"), TextDelta("b", 1), ContentPart(OtherPart("audio"), 1), ContentPart(PICTURE, 2))
    reply.add(ContentPart(OtherPart("audio", "3 s"), 1))
    assert reply.parts() == (TextPart("a"), OtherPart("audio", "3 s"), TextPart("b"), PICTURE)


def test_sources_stand_at_the_end_and_are_merged_with_those_of_the_continued_answer() -> None:
    base = Node("id", None, Message("assistant", (TextPart("a"), SOURCE)), 1.0)
    reply = Reply(base)
    for event in (TextDelta("b"), Citation(SOURCE), Citation(SourcePart("https://b.example/"))):
        reply.add(event)
    assert reply.parts() == (TextPart("ab"), SOURCE, SourcePart("https://b.example/"))
    reply.add(Restart())
    assert reply.parts() == (TextPart("a"), SOURCE)


def test_text_that_was_thinking_moves_and_later_text_stays() -> None:
    reply = fold(TextDelta("a"), TextDelta("b", 1), TextDelta("c", 2), TextWasThinking(1), TextDelta("d", 1))
    assert reply.parts() == (ThinkingPart("a"), ThinkingPart("b"), TextPart("d"), TextPart("c"))


def test_images_of_one_answer_have_a_limit() -> None:
    size = MAX_ANSWER_IMAGE_BYTES // 3 * 4 // 2
    first, second, third = (ImagePart("image/png", char * size) for char in "abc")
    parts = fold(*(ContentPart(part, index) for index, part in enumerate((first, second, third)))).parts()
    assert parts == (first, second, OtherPart("image", "image/png, 21.0 MB"))


def test_texts_around_content_are_paragraphs_of_their_own() -> None:
    def text(*parts: Any) -> str:
        return Message("assistant", parts).text

    first, last = TextPart("a"), TextPart("b")
    assert text(first, PICTURE, last) == text(first, OtherPart("x"), PICTURE, last) == "a\n\nb"
    assert text(first, SOURCE, last) == text(first, ThinkingPart("x"), last) == "ab"
    assert text(TextPart("a\n"), PICTURE, last) == "a\nb"
    assert text(PICTURE, last) == "b"


def test_a_text_that_has_ended_has_the_numbers_of_the_sources_that_it_cites():
    tides, moon = SourcePart("https://tides.example/"), SourcePart("https://moon.example/")
    reply = Reply()
    for event in (TextDelta("High", 0), Citation(tides, block=0), TextDelta(" at noon.", 0)):
        reply.add(event)
    # While it grows, the text is what came: a page only adds to it.
    assert reply.parts() == (TextPart("High at noon."), tides)
    for event in (TextDelta(" By", 1), Citation(moon, block=1), Citation(tides, block=1), Citation(moon, block=1)):
        reply.add(event)
    assert reply.parts()[:2] == (TextPart("High at noon.", (1,)), TextPart(" By"))
    reply.add(Finish(Outcome.COMPLETE, "end_turn"))
    assert reply.parts() == (TextPart("High at noon.", (1,)), TextPart(" By", (2, 1)), tides, moon)
    assert reply.message().text == "High at noon. By"


def test_numbers_of_cited_sources_survive_a_pause_and_not_a_restart():
    reply = Reply()
    for event in (
        TextDelta("High.", 0),
        Citation(SourcePart("https://tides.example/"), block=0),
        Finish(Outcome.COMPLETE, ""),
    ):
        reply.add(event)
    reply.add(TurnContinued())
    reply.add(TextDelta(" Low.", 0))
    reply.add(Finish(Outcome.COMPLETE, "end_turn"))
    assert reply.parts()[:2] == (TextPart("High.", (1,)), TextPart(" Low."))
    reply.add(Restart())
    reply.add(TextDelta("Anew", 0))
    reply.add(Finish(Outcome.COMPLETE, "end_turn"))
    assert reply.parts()[:2] == (TextPart("High.", (1,)), TextPart("Anew"))
