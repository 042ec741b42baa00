"""Checkpoints that append: every reader gets all that was saved, whatever happens between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from lib.core.conversation import (
    Outcome,
    new_id,
)
from lib.core.events import (
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.schema.tables import arriving_change
from lib.storage.schema.tables import node as nodes
from lib.storage.store import Store
from tests.support.examples import count_examples
from tests.unit.storage.arriving_answers import ANSWER, ROW, STEPS, read, start


@pytest.fixture
def store(url) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def count_changes(store: Store) -> int:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(arriving_change))


@contextmanager
def record_writes(store: Store) -> Iterator[list[tuple[str, int]]]:
    """Record the statements and the size of their parameters."""
    executed: list[tuple[str, int]] = []

    def record(_, __, statement, parameters, *___):
        executed.append((statement, len(repr(parameters))))

    sa.event.listen(store._engine, "before_cursor_execute", record)
    try:
        yield executed
    finally:
        sa.event.remove(store._engine, "before_cursor_execute", record)


@settings(max_examples=count_examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_store_has_the_state_of_the_last_checkpoint(store, steps):
    producer = start(store, replace(ANSWER, id=new_id()))
    node_id = producer.node.id
    for step in steps:
        if step == "save":
            assert producer.save() is Outcome.ARRIVING
        elif step == "stale":
            store.messages.mark_stale(-1.0)
        elif isinstance(step, str):
            producer.lose_connection(is_committed=step == "lost after")
        else:
            producer.add(step)
        outcome = Outcome.INTERRUPTED if step == "stale" else read(store, node_id).outcome
        assert read(store, node_id) == replace(producer.saved, outcome=outcome)
    # The process dies.
    store.messages.mark_stale(-1.0)
    assert read(store, node_id) == replace(producer.saved, outcome=Outcome.INTERRUPTED)
    assert count_changes(store) == 0


def test_an_answer_that_arrives_is_read_whole_by_all(store):
    producer = start(store)
    producer.add([ThinkingDelta("Hm.", 0), TextDelta(ROW, 1)])
    producer.save()
    before = store.messages.arrival("ann", "a")
    producer.add([SignatureDelta("c2ln", 0), TextDelta("And the moon.", 1)])
    producer.save()
    assert count_changes(store) == 1
    assert store.messages.arrival("ann", "a") != before
    assert read(store) == producer.node
    conversation = store.conversations.page("ann", 1)[0]
    assert store.messages.nodes("ann", conversation.id)[-1] == producer.node
    # Another owner sees nothing of it.
    assert store.messages.node("ben", "a") is None
    assert store.messages.nodes("ben", conversation.id) == []


@pytest.mark.parametrize("end", ["stale", "stopped", "finished", "reopened"])
def test_whatever_ends_an_answer_leaves_its_text_in_the_row(store, end):
    producer = start(store)
    producer.add([TextDelta(ROW)])
    producer.save()
    producer.add([TextDelta("Gravity.")])
    producer.save()
    assert count_changes(store) == 1
    node, conversation = producer.node, store.conversations.page("ann", 1)[0]
    if end == "stale":
        assert store.messages.mark_stale(-1.0) == 1
    elif end == "stopped":
        store.messages.mark_stopped("ann", "a")
    elif end == "finished":
        store.messages.finish("ann", replace(node, outcome=Outcome.COMPLETE))
    else:
        node = replace(node, usage_record_id="later")
        store.messages.reopen("ann", conversation, node)
    assert count_changes(store) == 0
    assert read(store).message == node.message
    if end != "reopened":
        assert [hit.text for hit in find(store, "gravity")] == [node.message.text]


def find(store: Store, words: str) -> list:
    return [hit for result in store.search.find("ann", words, 9) for hit in result.hits]


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.COMPLETE, None])
def test_a_slow_producer_adds_nothing_to_an_answer_that_has_ended(store, outcome):
    producer = start(store)
    producer.add([TextDelta(ROW)])
    producer.save()
    if outcome is Outcome.STOPPED:
        store.messages.mark_stopped("ann", "a")
    elif outcome:
        store.messages.finish("ann", replace(producer.node, outcome=outcome))
    else:
        store.messages.mark_stale(-1.0)
        later = replace(producer.node, usage_record_id="later")
        store.messages.reopen("ann", store.conversations.page("ann", 1)[0], later)
    producer.add([TextDelta("Late.")])
    assert producer.save() is outcome
    assert count_changes(store) == 0
    assert read(store).message.text == ROW


@pytest.mark.parametrize("request_id", ["u", "later"])
def test_changes_that_a_process_of_an_earlier_version_leaves_are_merged_into_their_request(store, request_id):
    producer = start(store)
    producer.add([TextDelta(ROW)])
    producer.save()
    producer.add([TextDelta("Gravity.")])
    producer.save()
    with write_transaction(store._engine) as connection:
        connection.execute(sa.update(nodes).values(outcome="interrupted"))
        connection.execute(sa.update(nodes).where(nodes.c.id == "a").values(request=request_id))
    assert store.messages.mark_stale(60.0) == 0
    assert count_changes(store) == 0
    assert read(store).message.text == (producer.node.message.text if request_id == "u" else ROW)
    assert len(find(store, "gravity")) == (request_id == "u")


def test_an_answer_that_is_deleted_takes_its_changes_along(store):
    producer = start(store)
    producer.add([TextDelta(ROW)])
    producer.save()
    producer.add([TextDelta("More.")])
    producer.save()
    conversation = store.conversations.page("ann", 1)[0]
    store.conversations.delete("ann", [conversation.id])
    assert store.purge_deleted(-1.0) == 1
    assert count_changes(store) == 0


@pytest.mark.parametrize("build", [TextDelta, ThinkingDelta])
def test_what_is_written_grows_with_the_length_only(store, build):
    producer, piece = start(store), "A sentence of forty characters, about. " * 200
    sizes = []
    with record_writes(store) as writes:
        for _ in range(2):
            for _ in range(64):
                producer.add([build(piece)])
                producer.save()
            sizes.append(sum(size for _, size in writes))
    length = sum(len(part.text) for part in producer.node.message.parts)
    assert length > 990_000
    assert read(store) == producer.node
    assert sizes[1] < 4 * length
    assert sizes[1] < 2.6 * sizes[0]


def test_the_heartbeats_and_the_changes_of_all_answers_are_one_statement_each(store):
    def count_statements(count: int) -> int:
        producers = [start(store, replace(ANSWER, id=new_id())) for _ in range(count)]
        for producer in producers:
            producer.add([TextDelta(ROW)])
            producer.save()
            producer.add([TextDelta("More.")])
        checkpoints = [producer._content.build_checkpoint("ann", producer.node) for producer in producers]
        assert all(checkpoint.changes for checkpoint in checkpoints)
        with record_writes(store) as writes:
            assert store.messages.save_checkpoints(checkpoints) == [Outcome.ARRIVING] * count
        return len(writes)

    assert count_statements(5) == count_statements(1)


def test_an_answer_that_is_not_saved_leaves_those_beside_it(store):
    producers = [start(store, replace(ANSWER, id=new_id())) for _ in range(4)]
    running, stopped, stale, later = producers
    for producer in producers:
        producer.add([TextDelta(ROW)])
        producer.save()
        producer.add([TextDelta("More.")])
    store.messages.mark_stopped("ann", stopped.node.id)
    with write_transaction(store._engine) as connection:
        connection.execute(sa.update(nodes).where(nodes.c.id == stale.node.id).values(outcome="interrupted"))
        connection.execute(sa.update(nodes).where(nodes.c.id == later.node.id).values(request="later"))
    checkpoints = [producer._content.build_checkpoint("ann", producer.node) for producer in producers]
    checkpoints.append(replace(checkpoints[0], owner="ben", number=9))
    outcomes = store.messages.save_checkpoints(checkpoints)
    assert outcomes == [Outcome.ARRIVING, Outcome.STOPPED, Outcome.ARRIVING, None, None]
    texts = [read(store, producer.node.id).message.text for producer in producers]
    assert texts == [f"{ROW}More.", ROW, f"{ROW}More.", ROW]
