"""The maximum of running answers of a user, counted over all processes."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, Outcome
from lib.core.errors import TooManyAnswers
from lib.core.quota import RunningLimit
from lib.core.target import Target
from lib.storage.database.engine import write_transaction
from lib.storage.schema.tables import node as nodes
from lib.storage.store import Store
from tests.unit.storage.child_process import start_children

LIMIT = RunningLimit(2, 30.0)
PROCESS_COUNT = 6
PROGRAM = """
from lib.core.errors import TooManyAnswers
from lib.core.quota import RunningLimit
from tests.unit.storage.test_running_limit import start

number, store, passed = wait(), Store(url, LOCK_TIMEOUT), 0
for attempt in range(3):
    try:
        start(store, "ann", f"{number}.{attempt}", RunningLimit(4, 3600.0))
        passed += 1
    except TooManyAnswers:
        pass
send(passed)
"""


def start(store: Store, owner: str, name: str, limit: RunningLimit | None = LIMIT) -> tuple[Conversation, Node]:
    """Save a turn whose answer is arriving."""
    answer = Node(f"a{name}", None, Message("assistant", ()), 2.0, Outcome.ARRIVING, target=Target("m", "openai"))
    answer = replace(answer, usage_record_id=f"u{name}")
    conversation = Conversation(f"c{name}", "Why?", 2.0, answer.id)
    store.messages.save_turn(owner, conversation, [answer], running_limit=limit)
    return conversation, answer


def test_a_turn_over_the_limit_changes_nothing(store):
    (_, first), _ = start(store, "ann", "1"), start(store, "ann", "2")
    with pytest.raises(TooManyAnswers):
        start(store, "ann", "3")
    assert store.conversations.get("ann", "c3") is None
    start(store, "bob", "4")
    store.messages.finish("ann", replace(first, outcome=Outcome.COMPLETE))
    start(store, "ann", "3")


def test_a_continued_answer_counts(store):
    conversation, answer = start(store, "ann", "1")
    store.messages.finish("ann", replace(answer, outcome=Outcome.LENGTH))
    start(store, "ann", "2")
    start(store, "ann", "3")
    with pytest.raises(TooManyAnswers):
        store.messages.reopen("ann", conversation, answer, LIMIT)
    assert store.messages.node("ann", "a1").outcome is Outcome.LENGTH
    store.messages.mark_stopped("ann", "a2")
    store.messages.reopen("ann", conversation, answer, LIMIT)
    assert store.messages.node("ann", "a1").arriving


def test_an_answer_without_a_heartbeat_and_a_further_alternative_do_not_count(store):
    start(store, "ann", "1")
    conversation, answer = start(store, "ann", "2")
    store.messages.add("ann", conversation.id, replace(answer, id="a2b", usage_record_id=""))
    with pytest.raises(TooManyAnswers):
        start(store, "ann", "3")
    start(store, "ann", "3", None)  # the operator set no limit
    with write_transaction(store._engine) as connection:
        dead = sa.update(nodes).where(nodes.c.id.in_(["a2", "a3"]))
        connection.execute(dead.values(beat=time.time() - LIMIT.stale_after - 1))
    start(store, "ann", "4")


def test_processes_that_start_at_once_pass_the_limit_together_only(url):
    store = Store(url, 120.0)
    with start_children(url, PROGRAM, PROCESS_COUNT) as children:
        for number, child in enumerate(children):
            child.resume(number)
        passed = [child.finish() for child in children]
    assert sum(passed) == 4
    assert len(store.conversations.page("ann", 99)) == 4
    store.close()
