"""Followers of an answer that another process produces: what they read piece by piece is what a whole read gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.chat.turns import remote_generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core.checkpoints import SavedChanges
from lib.core.conversation import ImagePart, Message, Node, Outcome, SourcePart, TextPart, new_id
from lib.core.events import Citation, ContentPart, ProviderMetadata, TextDelta, ThinkingDelta
from lib.core.reply import ReplyCursor
from lib.storage import arrivals
from lib.storage.store import Store
from tests.support.examples import count_examples
from tests.unit.storage.arriving_answers import ANSWER, EVENTS, ROW, Producer, read, start

PICTURE = ContentPart(ImagePart("image/png", "iVBORw0KGgo="), 1)
CITED = Citation(SourcePart("https://c.example"), 1, block=0)
STEPS = st.lists(
    st.lists(EVENTS | st.sampled_from([PICTURE, CITED, ProviderMetadata({"id": "1"})]), max_size=4)
    | st.sampled_from(["save"] * 6 + ["look"] * 6 + ["stale", "lost before", "lost after", "taken over", "reopened"]),
    max_size=24,
)


@pytest.fixture
def store(url) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch) -> None:
    monkeypatch.setattr(remote_generation, "POLL_INTERVAL", 0.0)


class Follower:
    """A page that follows an answer; `node` is what it has read, piece by piece."""

    def __init__(self, store: Store, node_id: str) -> None:
        self.generation = RemoteGeneration("ann", "c", read(store, node_id), store.messages, sweep=lambda _: None)
        self._cursor, self._version = ReplyCursor(), -1
        self.whole_count = 0
        self.look()

    def look(self) -> None:
        snapshot = self.generation.wait(self._version, 0.0)
        growth = snapshot.read_since(self._cursor)
        self._cursor, self._version = growth.cursor, snapshot.version
        if growth.node:
            self.node, self.whole_count = growth.node, self.whole_count + 1
        elif growth.text:
            grown = [index for index, part in enumerate(self.node.message.parts) if not isinstance(part, SourcePart)]
            parts = list(self.node.message.parts)
            part = parts[grown[-1]]
            parts[grown[-1]] = replace(part, text=part.text + growth.text)
            self.node = replace(self.node, message=Message("assistant", tuple(parts)))


@pytest.mark.slow
@settings(max_examples=count_examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_what_a_follower_reads_is_what_is_stored(store, steps):
    producer = start(store, replace(ANSWER, id=new_id()))
    node_id, conversation = producer.node.id, store.conversations.page("ann", 1)[0]
    follower = Follower(store, node_id)
    for step in [*steps, "look"]:
        if step == "save":
            producer.save()
        elif step == "look":
            stored = read(store, node_id)
            follower.look()
            assert follower.generation.wait(-1, 0.0).node == stored
            assert follower.node.message == stored.message
        elif step == "stale":
            store.messages.mark_stale(-1.0)
        elif step in ("taken over", "reopened"):
            store.messages.mark_stale(-1.0)
            later = replace(read(store, node_id), outcome=Outcome.ARRIVING, usage_record_id=new_id())
            store.messages.reopen("ann", conversation, later)
            if step == "taken over":
                producer = Producer(store, later)
        elif isinstance(step, str):
            producer.lose_connection(is_committed=step == "lost after")
        else:
            producer.add(step)


@pytest.mark.slow
@pytest.mark.parametrize("build", [TextDelta, ThinkingDelta])
def test_a_follower_reads_what_is_new_only(store, build):
    piece = "A sentence of forty characters, about. " * 25
    producer = start(store)
    follower = Follower(store, "a")
    sizes: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "load_with_changes", _measured(arrivals.load_with_changes, sizes))
        for _ in range(200):
            producer.add([build(piece)])
            producer.save()
            follower.look()
    assert follower.node.message == read(store).message
    length = sum(len(part.text) for part in follower.node.message.parts)
    assert length == 200 * len(piece)
    assert sum(sizes) < 5 * length
    # The row is written again as often as it doubles.
    assert follower.whole_count < 25


def _measured(load, sizes: list[int]):
    def measure(*args) -> list[Node]:
        nodes = load(*args)
        sizes.extend(sum(len(part.text) for part in node.message.parts) for node in nodes)
        return nodes

    return measure


def test_a_look_is_one_statement(store):
    producer = start(store)
    for text in (ROW, "Gravity. "):
        producer.add([TextDelta(text)])
        producer.save()
    follower, statements = Follower(store, "a"), []
    follower.look()
    producer.add([TextDelta("And the moon.")])
    producer.save()
    sa.event.listen(store._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    follower.look()
    assert follower.node.message.text == ROW + "Gravity. And the moon."
    follower.look()
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 2


def test_an_answer_that_another_process_begins_again_is_read_from_its_new_row(store):
    producer = start(store)
    for text in (ROW, "One. ", "Two. "):
        producer.add([TextDelta(text)])
        producer.save()
    follower = Follower(store, "a")
    follower.look()
    store.messages.mark_stale(-1.0)
    # The numbers of the later request go on from those of this one.
    later = replace(ANSWER, message=Message("assistant", (TextPart(ROW),)), usage_record_id="later")
    store.messages.reopen("ann", store.conversations.page("ann", 1)[0], later)
    producer = Producer(store, later)
    for text in ("Other. ", "Three. ", "Four. ", "Five. "):
        producer.add([TextDelta(text)])
        producer.save()
    follower.look()
    assert follower.node.message.text == ROW + "Other. Three. Four. Five. "


def test_the_growth_of_another_part_than_the_last_is_no_growth_of_the_answer(store):
    producer = start(store)
    producer.add([ThinkingDelta(ROW, 0), TextDelta(ROW, 1)])
    producer.save()
    producer.add([TextDelta("Tides. ", 1)])
    producer.save()
    news = store.messages.arrival("ann", "a")
    assert news.node == producer.node
    for delta, growth in ((TextDelta("The moon.", 1), "The moon."), (ThinkingDelta("Hm.", 0), None)):
        before = producer.node
        producer.add([delta])
        producer.save()
        news = store.messages.arrival("ann", "a", news.state)
        assert [changes.find_growth(before) for changes in news.changes] == [growth]
    assert SavedChanges().find_growth(producer.node) == ""
    assert store.messages.arrival("ann", "a", news.state).changes == ()
    assert store.messages.arrival("ben", "a", news.state) is None
