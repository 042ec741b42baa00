"""An arriving answer that several pages follow: its texts are rewritten once, from what is new."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.chat.turns.generation import Generation, GenerationSnapshot, Growth
from lib.core.conversation import ImagePart, Message, Node, OtherPart, Outcome, SourcePart, Usage
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    ProviderMetadata,
    Restart,
    SignatureDelta,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    TurnContinued,
    UsageReport,
)
from lib.core.reply import Reply, ReplyCursor
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken
from lib.ui.chat.answer_parts import list_groups
from lib.ui.chat.arriving_answer import ArrivingAnswer, GrowingText, find_arriving_answer
from tests.support.examples import count_examples

NODE = Node("a", "q", Message("assistant", ()), 1.0, Outcome.ARRIVING, target=Target("m", "openai"))
PICTURE = ImagePart("image/png", "iVBORw0KGgo=")
DATA_IMAGE = "![i](data:image/png;base64,iVBORw0KGgo=)"
TEXTS = st.sampled_from(["word ", "\n\n", " ", "", "- item\n", "**b** ", "\ud83d", "\ude00", "data:im", DATA_IMAGE])
BLOCKS = st.integers(0, 2)
EVENTS = st.one_of(
    st.builds(TextDelta, TEXTS, BLOCKS),
    st.builds(TextDelta, TEXTS),
    st.builds(ThinkingDelta, TEXTS, BLOCKS),
    st.builds(SignatureDelta, st.just("s"), BLOCKS),
    st.builds(ContentPart, st.sampled_from([PICTURE, OtherPart("tool", "x")]), BLOCKS),
    st.sampled_from(
        [
            Restart(),
            TurnContinued(),
            TextWasThinking(),
            Citation(SourcePart("https://e.com", "E")),
            ProviderMetadata({"id": "1"}),
            UsageReport(Usage(1, 2)),
            Finish(Outcome.COMPLETE, "stop", is_tentative=True),
        ]
    ),
)


class Answer:
    """A reply that is read as a generation lets it be read, and counts what is read as a whole."""

    def __init__(self) -> None:
        self.reply, self.version, self.is_finished = Reply(), 0, False
        self.whole_count = 0

    @property
    def node(self) -> Node:
        return self.reply.apply_to(NODE)

    def add(self, *events: Event) -> GenerationSnapshot:
        for event in events:
            self.reply.add(event)
        self.version += 1
        return GenerationSnapshot(self.version, self._read_since, False, 0.0, 0.0)

    def _read_since(self, cursor: ReplyCursor) -> Growth:
        text, cursor = self.reply.read_tail(cursor)
        if text is not None:
            return Growth(cursor, text)
        self.whole_count += 1
        return Growth(cursor, node=self.node)


@settings(max_examples=count_examples(100), deadline=None)
@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=40))
def test_what_is_read_piece_by_piece_is_the_whole_answer(steps: list[tuple[Event, bool]]) -> None:
    answer, arriving = Answer(), ArrivingAnswer("en")
    for event, is_read in steps:
        snapshot = answer.add(event)
        if not is_read:
            continue
        view, node = arriving.advance(snapshot), answer.node
        groups = list_groups(node.message)
        texts = [group for group in groups if isinstance(group, str)]
        assert [text.received for _, text in sorted(view.texts.items())] == texts
        assert [type(group) for group in view.groups] == [type(group) for group in groups]
        assert view.thinking.received.split() == node.message.thinking.split()


def test_a_growing_text_is_not_read_as_a_whole_again() -> None:
    answer, arriving = Answer(), ArrivingAnswer("en")
    view = arriving.advance(answer.add(ThinkingDelta("Hm. ")))
    for _ in range(5):
        arriving.advance(answer.add(ThinkingDelta("Well. "), UsageReport(Usage(1, 2))))
    assert (answer.whole_count, view.thinking.received) == (1, "Hm. " + "Well. " * 5)
    view = arriving.advance(answer.add(TextDelta("So ", 1)))
    assert view.thinking.part(0).is_last
    for _ in range(5):
        assert arriving.advance(answer.add(TextDelta("it is. ", 1), Finish(Outcome.COMPLETE, ""))) is view
    assert (answer.whole_count, view.texts[0].received) == (2, "So " + "it is. " * 5)
    arriving.advance(answer.add(Citation(SourcePart("https://e.com"))))
    arriving.advance(answer.add(TextDelta("It is.", 1)))
    count = answer.whole_count
    arriving.advance(answer.add(TextDelta(" Really.", 1)))
    assert answer.whole_count == count


def test_an_answer_that_begins_again_has_other_texts() -> None:
    answer, arriving = Answer(), ArrivingAnswer("en")
    first = arriving.advance(answer.add(TextDelta("Hello")))
    second = arriving.advance(answer.add(Restart(), TextDelta("Hey")))
    assert second.attempt != first.attempt
    assert first.texts[0].part(0).is_last
    assert (second.texts[0].received, second.texts[0].part(0).is_done) == ("Hey", False)


def test_pages_share_the_texts_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    grow = GrowingText.grow
    monkeypatch.setattr(GrowingText, "grow", lambda self, text: (texts.append(text), grow(self, text)))
    steps = [threading.Event() for _ in range(2)]

    def produce() -> object:
        for step, word in zip(steps, ("One ", "two "), strict=True):
            assert step.wait(20)
            yield TextDelta(word)
        yield Finish(Outcome.COMPLETE, "stop")

    class Store:
        """A store that takes everything."""

        def finish(self, *_: object) -> None:
            """Take the end."""

    generation = Generation("ann", "c", NODE, CancelToken(), Store())  # type: ignore[arg-type]
    pages = [find_arriving_answer(generation, "a", "en") for _ in range(3)]
    assert len({id(page) for page in pages}) == 1
    assert find_arriving_answer(generation, "a", "zh") is not pages[0]
    generation.start(produce, lambda _: None)  # type: ignore[arg-type]
    snapshot = generation.wait(-1, 0)
    for step in steps:
        step.set()
        snapshot = generation.wait(snapshot.version, 20)
        views = [page.advance(snapshot) for page in pages]
        assert len({id(view) for view in views}) == 1
    while not snapshot.is_finished:
        snapshot = generation.wait(snapshot.version, 20)
    views = [page.advance(snapshot) for page in pages]
    assert views[0].texts[0].part(0).text == "One two"
    assert "".join(texts) == "One two "
