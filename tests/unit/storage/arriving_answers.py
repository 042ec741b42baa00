"""A process that produces an answer and saves checkpoints of it, for tests of those who read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from lib.chat.turns.saved_content import SavedContent
from lib.core.conversation import (
    Conversation,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    Usage,
    new_id,
)
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Restart,
    SignatureDelta,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    TurnContinued,
    UsageReport,
)
from lib.core.reply import Reply
from lib.core.target import Target
from lib.storage.store import Store

TARGET = Target("m", "openai")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET, usage_record_id="u")
ROW = "Because of the tides. " * 50  # long enough that a few words behind it are appended

TEXTS = st.text(st.sampled_from("ab \n世😀\ud83d\ude00\0"), max_size=8)
WORDS = st.text(st.sampled_from("ab \n世😀"), max_size=8)  # as the wires leave what they do not join
BLOCKS = st.integers(0, 2)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    *[st.builds(TextDelta, TEXTS, BLOCKS), st.builds(ThinkingDelta, TEXTS, BLOCKS)] * 3,
    st.builds(TextDelta, st.just(ROW), BLOCKS),
    st.builds(SignatureDelta, TEXTS, BLOCKS),
    st.builds(ContentPart, st.builds(OtherPart, st.just("tool"), WORDS), BLOCKS),
    st.builds(Citation, st.builds(SourcePart, st.sampled_from(["https://a.example", "https://b.example"]), WORDS)),
    st.builds(UsageReport, st.builds(Usage, st.integers(0, 9), st.integers(0, 9))),
    st.builds(TextWasThinking, BLOCKS),
    st.just(TurnContinued()),
    st.just(Restart()),
)
STEPS = st.lists(
    st.lists(EVENTS, max_size=4) | st.sampled_from(["save"] * 4 + ["stale", "lost before", "lost after"]), max_size=12
)


class Producer:
    """A process that produces an answer; `saved` is the state of the last checkpoint that it knows to be saved."""

    def __init__(self, store: Store, node: Node = ANSWER) -> None:
        self._store = store
        self._content = SavedContent()
        self.reply = Reply(node)
        self.node = self.saved = node

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            self.reply.add(event)
        self.node = self.reply.apply_to(self.node)

    def save(self) -> Outcome | None:
        """Save a checkpoint; return the outcome of the row."""
        outcome = self._store.messages.save_checkpoints([self._content.build_checkpoint("ann", self.node)])[0]
        self._content.note_saved()
        self.saved = self.node
        return outcome

    def lose_connection(self, *, is_committed: bool) -> None:
        """Save a checkpoint of which the producer does not know if it was committed."""
        checkpoint = self._content.build_checkpoint("ann", self.node)
        if is_committed:
            self._store.messages.save_checkpoints([checkpoint])
            self.saved = self.node
        self._content.forget()


def start(store: Store, node: Node = ANSWER) -> Producer:
    question = replace(QUESTION, id=new_id())
    node = replace(node, parent_id=question.id)
    store.messages.save_turn("ann", Conversation(new_id(), "Why?", 2.0, node.id, TARGET), [question, node])
    return Producer(store, node)


def read(store: Store, node_id: str = "a") -> Node:
    node = store.messages.node("ann", node_id)
    assert node is not None
    return node
