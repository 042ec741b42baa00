"""Think tags: split from the text in every chunking, and only at the start of an answer."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core import errors
from lib.core.conversation import Outcome, TextPart, ThinkingPart
from lib.core.events import Event, Finish, Heartbeat, Restart, TextDelta, TextWasThinking, ThinkingDelta
from lib.gateway.wires.content.think_tags import split_thinking
from tests.unit.gateway.recordings import CollectedAnswer, collect

FRAGMENTS = ["<think>", "</think>", "<", "think", ">", "</", "\n", " ", "Hm", "Four", "世", "<thin", "/"]
PREFIXES = st.sampled_from(["", "<think>", "<think>\n", " \n<think>", "<think></think>", "\n"])
TEXTS = st.tuples(PREFIXES, st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join)).map("".join)
CUTS = st.lists(st.integers(0, 60), max_size=8)

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
    # Tags of other models.
    ("<thinking>\nHm\n</thinking>\nFour", "Hm\n", "Four"),
    ("<thought>Hm</thought>Four", "Hm", "Four"),
    ("[THINK]Hm[/THINK]Four", "Hm", "Four"),
    ("◁think▷Hm◁/think▷Four", "Hm", "Four"),
    ("<seed:think>Hm</seed:think>Four", "Hm", "Four"),
    ("<thinking>Hm</think>Hm</thinking>Four", "Hm</think>Hm", "Four"),
    ("[THINKING] Four", "", "[THINKING] Four"),
    ("Hm\n[/THINK]\nFour", "Hm\n", "Four"),
    ("A [link](/a) and [", "", "A [link](/a) and ["),
    # A closing tag without an opening one.
    ("Let me add.\n</think>\n\nIt is 4.", "Let me add.\n", "It is 4."),
    ("</think>Four", "", "Four"),
    ("\n\n</think>\n\nFour", "\n\n", "Four"),
    ("Hm</think>Four", "Hm", "Four"),
    ("用户想要。</think>\n海边", "用户想要。", "海边"),
    ("Hm. </think>\nFour", "Hm. ", "Four"),
    ("a < b and a </ b\n</think>c < d", "a < b and a </ b\n", "c < d"),
    ("```py\nx\n```\n</think>\nFour", "```py\nx\n```\n", "Four"),
    ("Hm\n</think>a\n</think>b", "Hm\n", "a\n</think>b"),
    ("Hm\n</think>", "Hm\n", ""),
    # A tag that is only mentioned.
    ("The tag `</think>` ends it.", "", "The tag `</think>` ends it."),
    ("The tag </think> ends it.", "", "The tag </think> ends it."),
    ("It ends with </think>", "", "It ends with </think>"),
    ("It is </think>, then", "", "It is </think>, then"),
    ('Write "</think>"\n', "", 'Write "</think>"\n'),
    ("写“</think>”。", "", "写“</think>”。"),
    ("```xml\n</think>\n```\n", "", "```xml\n</think>\n```\n"),
    ("Tags: <think>\na\n</think>\n", "", "Tags: <think>\na\n</think>\n"),
    ("a </think> b\n</think>\nFour", "a </think> b\n", "Four"),
    ("Four</thin", "", "Four</thin"),
    ("Four</thinker>", "", "Four</thinker>"),
    ("Say <think>Hm</think>", "", "Say <think>Hm</think>"),
    ("<<think>Hm</think>", "", "<<think>Hm</think>"),
]


def text_deltas(text: str, cuts: Iterable[int], choice: int = 0) -> list[Event]:
    """Text deltas of `text`, cut at these offsets; none is empty."""
    offsets = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [TextDelta(text[start:end], 0, choice) for start, end in pairwise(offsets)]


def split(events: Iterable[Event], choice: int = 0) -> tuple[str, str]:
    """The thinking and the text of one choice."""
    thinking = text = ""
    for event in split_thinking(events):
        if getattr(event, "choice", None) != choice:
            continue
        if isinstance(event, ThinkingDelta):
            thinking += event.text
        elif isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, TextWasThinking):
            thinking, text = thinking + text, ""
    return thinking, text


@pytest.mark.parametrize(("text", "thinking", "answer_text"), CASES)
def test_thinking_is_split_from_text_in_every_chunking(text: str, thinking: str, answer_text: str) -> None:
    for first_cut in range(len(text) + 1):
        for second_cut in range(first_cut, len(text) + 1):
            assert split(text_deltas(text, (first_cut, second_cut))) == (thinking, answer_text), (
                first_cut,
                second_cut,
            )
    assert split(text_deltas(text, range(len(text)))) == (thinking, answer_text)


@settings(deadline=None)
@given(text=TEXTS, cuts=CUTS)
def test_chunking_does_not_change_thinking_and_text(text: str, cuts: list[int]) -> None:
    expected = split(text_deltas(text, ()))
    assert split(text_deltas(text, cuts)) == expected
    if "</think>" not in text and not text.lstrip().startswith("<think>"):
        assert expected == ("", text)


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=2, max_size=3), order=st.lists(st.integers(0, 2), max_size=30), cuts=CUTS)
def test_each_choice_has_its_own_tags(texts: list[str], order: list[int], cuts: list[int]) -> None:
    pending = [text_deltas(text, cuts, choice) for choice, text in enumerate(texts)]
    events: list[Event] = []
    for choice in [*order, *(choice for choice in range(3) for _ in range(100))]:
        if choice < len(pending) and pending[choice]:
            events.append(pending[choice].pop(0))
    for choice, text in enumerate(texts):
        assert split(events, choice) == split(text_deltas(text, ()))


def interrupted(*events: Event) -> Iterator[Event]:
    yield from events
    raise errors.StreamInterrupted


@pytest.mark.parametrize(
    ("text", "thinking", "answer_text"),
    [("<thi", "", "<thi"), ("<think>Hm</th", "Hm</th", ""), ("<think>Hm</think>", "Hm", ""), (" ", "", " ")],
)
def test_buffered_text_is_yielded_before_an_error(text: str, thinking: str, answer_text: str) -> None:
    parts: list[Event] = []
    with pytest.raises(errors.StreamInterrupted):
        parts.extend(split_thinking(interrupted(TextDelta(text))))
    assert split(parts) == (thinking, answer_text)


def test_restart_resets_the_state() -> None:
    old_answer, new_answer = (
        text_deltas("<think>old</think>old", [3, 9]),
        text_deltas("<think>Hm</think>Four", [3, 9]),
    )
    for discarded in (old_answer, old_answer[:1], old_answer[:2], text_deltas("plain", ())):
        answer = collect(split_thinking([*discarded, Restart(), *new_answer]))
        assert answer.reply.parts() == (ThinkingPart("Hm"), TextPart("Four"))


def test_other_events_are_passed_through_in_order() -> None:
    finish = Finish(Outcome.COMPLETE, "stop")
    events = [Heartbeat(), ThinkingDelta("Hm"), TextDelta("<think>a</think>b"), finish]
    assert list(split_thinking(events)) == [
        Heartbeat(),
        ThinkingDelta("Hm"),
        ThinkingDelta("a"),
        TextDelta("b"),
        finish,
    ]


def test_text_is_yielded_as_soon_as_it_cannot_be_a_tag() -> None:
    def source() -> Iterator[Event]:
        for fragment in ("<", "b", "c"):
            yield TextDelta(fragment)
        pytest.fail("read too far")

    events = split_thinking(source())
    assert [next(events), next(events)] == [TextDelta("<b"), TextDelta("c")]


def test_shown_text_turns_into_thinking_at_a_late_tag() -> None:
    events = list(split_thinking([TextDelta("Let me add.\n"), TextDelta("</thi"), TextDelta("nk>\n\nFour")]))
    assert events == [TextDelta("Let me add.\n"), TextWasThinking(), TextDelta("Four")]
    assert collect(events).reply.parts() == (ThinkingPart("Let me add.\n"), TextPart("Four"))


def test_late_tag_behind_thinking_of_its_own_field() -> None:
    answer = collect(split_thinking([ThinkingDelta("Hm"), TextDelta("\n</think>\n"), TextDelta("Four")]))
    assert (answer.thinking, answer.text) == ("Hm", "Four")
    answer = collect(split_thinking([ThinkingDelta("Hm"), TextDelta("a\n</think>\nb")]))
    assert (answer.thinking, answer.text) == ("Hm", "a\n</think>\nb")


def test_unclosed_tag_leaves_an_empty_answer() -> None:
    answer: CollectedAnswer = collect(split_thinking([TextDelta("<think>Hm"), Finish(Outcome.COMPLETE, "stop")]))
    assert (answer.thinking, answer.text, answer.reply.outcome()) == ("Hm", "", Outcome.EMPTY)
