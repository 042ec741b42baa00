"""An answer that arrives again, alternatives that come later, a branch that is shown; and older files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from lib.core.params import Params
from lib.core.types import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    Target,
    Text,
    Thinking,
    Timing,
    Usage,
)
from lib.storage.engine import writing
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")
QUESTION = Node("q", None, Message("user", (Text("Why?"),)), 1.0)
CUT = Node(
    "a",
    "q",
    Message("assistant", (Text("Bec"),)),
    2.0,
    Outcome.LENGTH,
    reason="max_tokens",
    target=TARGET,
    usage=Usage(4, 2),
    timing=Timing(0.5, 0.5, 1.0),
    served={"id": "msg_1", "usage": {"output_tokens": 2, "more": [1, {"deep": None}]}},
)
TALK = Conversation("c", "Why?", 2.0, "a", TARGET)


@pytest.fixture
def begun(store):
    store.begin("ann", TALK, [QUESTION, replace(CUT, outcome=Outcome.ARRIVING)])
    store.settle("ann", CUT)
    return store


def test_a_reopened_answer_keeps_its_words_and_takes_more(begun):
    again = replace(CUT, outcome=Outcome.ARRIVING, reason="", failure=None)
    begun.reopen("ann", replace(TALK, updated=9.0, params=Params(max_tokens=9)), again)
    assert begun.node("ann", "a") == again
    assert begun.conversation("ann", "c") == replace(TALK, updated=9.0, params=Params(max_tokens=9))
    whole = replace(again, message=Message("assistant", (Text("Because."),)))
    assert begun.checkpoint("ann", whole) is Outcome.ARRIVING
    begun.settle("ann", replace(whole, outcome=Outcome.COMPLETE))
    assert begun.node("ann", "a").message.text == "Because."


def test_reopening_takes_the_failure_away_and_is_a_sign_of_life(begun):
    failed = replace(CUT, outcome=Outcome.FAILED, failure=Failure("overloaded", "Busy", 529, "r", True))
    begun.settle("ann", failed)
    begun.reopen("ann", TALK, replace(failed, outcome=Outcome.ARRIVING, failure=None))
    assert begun.node("ann", "a").failure is None
    assert begun.sweep(60) == 0


def test_an_alternative_is_added_beside_the_first_where_the_conversation_still_is(begun):
    other = replace(CUT, id="b", created=2.00001, served={})
    begun.add("ann", "c", other)
    assert begun.nodes("ann", "c") == [QUESTION, CUT, other]
    assert begun.conversation("ann", "c").head == "a"
    begun.delete("ann", "c")
    begun.purge(-1)
    begun.add("ann", "c", replace(other, id="d"))
    assert begun.node("ann", "d") is None


def test_the_branch_to_show_is_kept_and_leaves_the_order_of_the_list(begun):
    begun.begin("ann", replace(TALK, id="later", head="q2", updated=3.0), [replace(QUESTION, id="q2")])
    begun.show("ann", "c", "q")
    assert begun.conversation("ann", "c") == replace(TALK, head="q")
    assert [talk.id for talk in begun.conversations("ann", 9)] == ["later", "c"]


def test_why_an_answer_failed_comes_back_with_all_that_it_blames(begun):
    failure = Failure("request_refused", "No.", 400, "r", False, ("temperature", "top_p"), 3600.0)
    begun.settle("ann", replace(CUT, outcome=Outcome.FAILED, failure=failure))
    assert begun.node("ann", "a").failure == failure


OLD_TALK = {
    "id": "c",
    "owner": "ann",
    "title": "Why?",
    "head": "a",
    "model": "claude-x",
    "wire": "anthropic",
    # As they were named then: some may be taken away since, others come.
    "params": json.dumps({"system": "Be brief.", "temperature": 0.5, "gone": 1}),
    "created": 1.0,
    "updated": 2.0,
}
OLD_PARTS = [{"type": "thinking", "text": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "B"}]
OLD_NODE = {
    "id": "a",
    "conversation": "c",
    "role": "assistant",
    "parts": json.dumps(OLD_PARTS),
    "created": 2.0,
    "outcome": "failed",
    "reason": "",
    "model": "claude-x",
    "wire": "anthropic",
    "usage": json.dumps({"input": 4, "output": 2}),
    "timing": json.dumps({"first": 0.5}),
    "failure": json.dumps({"code": "overloaded", "detail": "Busy", "status": 529}),
    "request_id": "r",
    "beat": 2.0,
}


@pytest.fixture
def older(url):
    """A file of the first schema, with a conversation in it."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config = Config()
        steps = Path(__file__).parent.parent.parent / "lib/storage/migrations"
        config.set_main_option("script_location", str(steps))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, row in (("conversation", OLD_TALK), ("node", OLD_NODE)):
            places = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"), row)
    engine.dispose()
    return url


def test_a_file_of_the_first_schema_is_brought_up_with_what_is_in_it(older):
    store = Store(older)
    talk = Conversation("c", "Why?", 2.0, "a", TARGET, Params(system="Be brief.", temperature=0.5))
    answer = Node(
        "a",
        None,
        Message("assistant", (Thinking("Hm.", "c2ln"), Text("B"))),
        2.0,
        Outcome.FAILED,
        target=TARGET,
        usage=Usage(4, 2),
        timing=Timing(0.5),
        failure=Failure("overloaded", "Busy", 529),
        request_id="r",
    )
    assert store.conversations("ann", 9) == [talk]
    assert store.nodes("ann", "c") == [answer]
    again = replace(answer, outcome=Outcome.ARRIVING, failure=None, served={"id": "msg_2"})
    store.reopen("ann", talk, again)
    assert store.node("ann", "a") == again
    store.favour("ann", "claude-x", True)
    assert store.preferences("ann").favourites == ("claude-x",)
    store.close()


def test_a_file_that_is_brought_up_is_left_alone_the_next_time(older):
    for _ in range(2):
        store = Store(older)
        with writing(store._engine) as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
        assert len(store.nodes("ann", "c")) == 1
        store.close()
