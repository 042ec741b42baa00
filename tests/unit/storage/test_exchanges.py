"""Recorded exchanges in the database: complete, the owner's only, and deleted with their answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.comparisons import Column, Comparison, Vote
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart
from lib.core.errors import StoreError
from lib.core.exchanges import Attempt, Chunk, Exchange, SentFile, summarize
from lib.core.params import ParamAdjustment
from lib.core.target import Target
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.exchange_rows import exchange as table
from lib.storage.store import Store
from tests.unit.storage.conftest import copy_template
from tests.unit.storage.plans import explain

TARGET = Target("claude-x", "anthropic")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET)
DONE = replace(ANSWER, message=Message("assistant", (TextPart("Because."),)), outcome=Outcome.COMPLETE)
FAILED = Attempt(
    100.25,
    "POST",
    "https://gateway/v1/messages",
    {"Host": "gateway", "x-api-key": "$API_KEY"},
    '{"text": "为什么"}',
    files=(SentFile("mark", "digest", "image/png", 7, "data:image/png;base64,"),),
    connected=0.001,
    responded=0.5,
    ended=0.75,
    status=529,
    response_headers={"retry-after": "0"},
    chunks=(Chunk(0.600001, b'{"error"'), Chunk(0.600002, b":\xff\x00}")),
    error="overloaded",
)
CUT = replace(
    FAILED, started_at=101.0, reason="retry", status=200, error="", omitted_bytes=7, omitted_before=1, files=()
)
EXCHANGE = Exchange("x", TARGET, (FAILED, CUT), "answer", "c", "a", (ParamAdjustment("family", "top_k", "3"),))


def probe(number: int, **changes: Any) -> Exchange:
    """Return an exchange without an answer."""
    attempt = replace(FAILED, started_at=float(number))
    return replace(Exchange(f"p{number}", TARGET, (attempt,), "probe"), **changes)


@pytest.fixture
def store_with_turn(store: Store) -> Store:
    store.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a", TARGET), [QUESTION, ANSWER])
    return store


@pytest.fixture
def recorded(store_with_turn: Store) -> Store:
    store_with_turn.messages.finish("ann", DONE, (), EXCHANGE)
    return store_with_turn


def count_rows(store: Store) -> int:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_an_exchange_is_saved_with_its_answer_and_read_unchanged(recorded: Store):
    assert recorded.exchanges.get("ann", "x") == EXCHANGE
    assert recorded.exchanges.of_answer("ann", "a") == [EXCHANGE]
    assert recorded.exchanges.recent("ann", 9) == [summarize(EXCHANGE)]
    assert recorded.messages.node("ann", "a").outcome is Outcome.COMPLETE


def test_an_exchange_without_a_response_is_read_unchanged(store: Store):
    attempt = Attempt(1.5, "POST", "http://gateway", {}, is_form=True, error="unreachable", withholds_key=True)
    exchange = Exchange("x", Target("m", "images"), (attempt,), "probe")
    store.exchanges.save("ann", exchange)
    assert store.exchanges.get("ann", "x") == exchange


def test_a_large_response_takes_little_space(store: Store):
    chunks = tuple(Chunk(n / 50, b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n') for n in range(10_000))
    exchange = probe(1, attempts=(replace(FAILED, chunks=chunks),))
    store.exchanges.save("ann", exchange)
    assert store.exchanges.get("ann", "p1") == exchange
    with read_transaction(store._engine) as connection:
        size = len(connection.scalar(sa.select(table.c.data)))
    assert size * 8 < sum(len(chunk.data) for chunk in chunks)


def test_the_exchange_of_an_answer_that_another_process_has_taken_over_is_dropped(store_with_turn: Store):
    store_with_turn.messages.finish("ann", replace(DONE, usage_record_id="later"), (), EXCHANGE)
    assert count_rows(store_with_turn) == 0


def test_an_answer_is_saved_without_an_exchange_that_cannot_be_encoded(store_with_turn: Store):
    broken = replace(FAILED, chunks=(Chunk(-1.0, b"before its start"),))
    store_with_turn.messages.finish("ann", DONE, (), replace(EXCHANGE, attempts=(broken,)))
    assert store_with_turn.messages.node("ann", "a").message.text == "Because."
    assert store_with_turn.exchanges.of_answer("ann", "a") == []


def test_an_exchange_that_is_saved_twice_stays_as_it_was(recorded: Store):
    recorded.messages.finish("ann", DONE, (), replace(EXCHANGE, attempts=(FAILED,)))
    assert recorded.exchanges.of_answer("ann", "a") == [EXCHANGE]


def test_exchanges_of_missing_answers_and_of_other_owners_are_dropped(store_with_turn: Store):
    store_with_turn.exchanges.save("ann", replace(EXCHANGE, node_id="no"))
    store_with_turn.exchanges.save("bob", EXCHANGE)
    assert count_rows(store_with_turn) == 0


def test_an_answer_that_was_continued_has_several_exchanges(recorded: Store):
    later = replace(EXCHANGE, id="later", attempts=(replace(CUT, started_at=500.0),))
    recorded.exchanges.save("ann", later)
    assert recorded.exchanges.of_answer("ann", "a") == [EXCHANGE, later]


def test_recent_exchanges_are_paginated_newest_first_and_by_purpose(recorded: Store):
    for number in range(1, 6):
        recorded.exchanges.save("ann", probe(number))
    recorded.exchanges.save("bob", probe(7))

    def ids(*args: Any) -> list[str]:
        return [summary.id for summary in recorded.exchanges.recent("ann", *args)]

    first = recorded.exchanges.recent("ann", 3)
    assert [summary.id for summary in first] == ["x", "p5", "p4"]
    assert ids(3, first[-1]) == ["p3", "p2", "p1"]
    assert ids(9, None, "answer") == ["x"]
    assert ids(2, first[0], "probe") == ["p5", "p4"]


def test_exchanges_that_began_together_are_on_one_page_each(store: Store):
    for name in "dbeac":
        store.exchanges.save("ann", probe(7, id=name))
    first = store.exchanges.recent("ann", 2)
    second = store.exchanges.recent("ann", 2, first[-1])
    third = store.exchanges.recent("ann", 2, second[-1])
    assert [summary.id for summary in (*first, *second, *third)] == list("edcba")


@pytest.mark.parametrize("deleted", ["answer", "conversation"])
def test_an_exchange_is_hidden_and_restored_with_its_answer(recorded: Store, deleted: str):
    def delete(moment: float | None) -> None:
        if deleted == "answer":
            recorded.messages.set_deleted("ann", "c", ["a"], moment)
        elif moment:
            recorded.conversations.delete("ann", ["c"])
        else:
            recorded.conversations.restore("ann", ["c"])

    delete(5.0)
    assert recorded.exchanges.get("ann", "x") is None
    assert recorded.exchanges.of_answer("ann", "a") == recorded.exchanges.recent("ann", 9) == []
    delete(None)
    assert recorded.exchanges.of_answer("ann", "a") == [EXCHANGE]
    delete(5.0)
    recorded.purge_deleted(-60.0)
    assert count_rows(recorded) == 0


def test_old_exchanges_are_purged_and_their_answers_stay(recorded: Store):
    now = 1_000_000.0
    recorded.exchanges.import_all("ann", map(probe, range(450)))
    assert recorded.exchanges.purge(0.0) == 451
    assert count_rows(recorded) == 0 and recorded.exchanges.purge(0.0) == 0
    recorded.exchanges.save("ann", probe(int(now) ** 2))
    assert recorded.exchanges.purge(3600.0) == 0
    assert recorded.messages.node("ann", "a") is not None


def test_a_copy_of_a_conversation_and_its_export_have_no_exchanges(recorded: Store):
    ((conversation, nodes),) = recorded.conversations.export_all("ann")
    copied = [replace(node, id=f"copy-{node.id}", parent_id=node.parent_id and "copy-q") for node in nodes]
    recorded.conversations.import_all("ann", [(replace(conversation, id="copy", head_id="copy-a"), copied)])
    assert recorded.exchanges.of_answer("ann", "copy-a") == []
    assert count_rows(recorded) == 1


def test_a_database_without_space_for_it_saves_nothing_of_the_answer(store_with_turn: Store):
    with write_transaction(store_with_turn._engine) as connection:
        connection.execute(sa.text("DROP TABLE exchange"))
    with pytest.raises(StoreError):
        store_with_turn.messages.finish("ann", DONE, (), EXCHANGE)
    assert store_with_turn.messages.node("ann", "a").arriving
    store_with_turn.messages.finish("ann", DONE)
    assert store_with_turn.messages.node("ann", "a").outcome is Outcome.COMPLETE


def fill_with_exchanges(store: Store) -> None:
    """Add exchanges of several owners, most of them without an answer."""
    for owner in range(5):
        turn = [replace(QUESTION, id=f"q{owner}"), replace(DONE, id=f"a{owner}", parent_id=f"q{owner}")]
        store.messages.save_turn(f"user{owner}", Conversation(f"c{owner}", "Why?", 1.0), turn)
        store.exchanges.save(f"user{owner}", replace(EXCHANGE, id=f"x{owner}", node_id=f"a{owner}"))
        store.exchanges.import_all(f"user{owner}", [probe(number, id=f"{owner}-{number}") for number in range(60)])
    with write_transaction(store._engine) as connection:
        connection.execute(sa.text("ANALYZE"))


@pytest.fixture(params=["sqlite", "postgres"])
def store_of_exchanges(request, tmp_path) -> Iterator[Store]:
    for url in copy_template(request, tmp_path, fill_with_exchanges):
        with closing(Store(url)) as store:
            yield store


def test_lists_and_purges_read_indexes(store_of_exchanges: Store):
    exchanges = store_of_exchanges.exchanges
    for index, action in (
        ("exchange_owner", lambda: exchanges.recent("user3", 5, summarize(probe(50)))),
        ("exchange_node", lambda: exchanges.of_answer("user3", "a3")),
        ("exchange_started", lambda: exchanges.purge(1e12)),
    ):
        plans = explain(store_of_exchanges, action, avoids_scans=True)
        assert len(plans) == 1
        for plan in plans.values():
            assert index in plan and "TEMP B-TREE" not in plan, plan


def test_the_exchanges_of_a_deleted_comparison_are_deleted_with_it(store):
    columns = (Column("c", "q", TARGET),)
    conversation = Conversation("c", "Why?", 2.0, "a", TARGET, comparison_id="k")
    store.comparisons.save("ann", Comparison("k", "Why?", 1.0, columns), [(conversation, [QUESTION, ANSWER])])
    store.exchanges.save("ann", EXCHANGE)
    assert store.exchanges.get("ann", "x") == EXCHANGE
    store.comparisons.delete("ann", "k")
    assert store.exchanges.get("ann", "x") is None
    assert store.exchanges.of_answer("ann", "a") == store.exchanges.recent("ann", 9) == []
    store.comparisons.restore("ann", "k")
    assert store.exchanges.get("ann", "x") == EXCHANGE


def test_the_exchanges_of_a_blind_comparison_are_hidden_until_the_vote(store):
    columns = (Column("c", "q", TARGET),)
    conversation = Conversation("c", "Why?", 2.0, "a", TARGET, comparison_id="k")
    blind = Comparison("k", "Why?", 1.0, columns, is_blind=True)
    store.comparisons.save("ann", blind, [(conversation, [QUESTION, ANSWER])])
    store.exchanges.save("ann", EXCHANGE)
    assert store.exchanges.get("ann", "x") is None
    assert store.exchanges.of_answer("ann", "a") == store.exchanges.recent("ann", 9) == []
    store.comparisons.set_vote("ann", "k", Vote("tie"))
    assert store.exchanges.get("ann", "x") == EXCHANGE
    assert store.exchanges.of_answer("ann", "a") == [EXCHANGE] and len(store.exchanges.recent("ann", 9)) == 1
