"""What is another's looks like what is not there; all that is an owner's is erased, or handed over."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Truncation, Usage
from lib.core.errors import StoreError
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.quota import QuotaCounter, Reservation
from lib.core.target import Target
from lib.core.usage import ConversationFilter, DayRange, SearchResult, ShareLink, UsageRecord
from lib.core.user import User
from lib.storage.engine import reading
from lib.storage.schema import metadata
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")


@dataclass(frozen=True)
class Names:
    """Ids of a conversation, of its question and its answer, of a link."""

    talk: str
    question: str
    answer: str
    share: str

    def conversation(self, **more: Any) -> Conversation:
        return replace(Conversation(self.talk, "Why?", 2.0, self.answer, TARGET, created_at=2.0), **more)

    def asked(self, **more: Any) -> Node:
        return replace(Node(self.question, None, Message("user", (TextPart("Why 你好?"),)), 1.0), **more)

    def answered(self, **more: Any) -> Node:
        message = Message("assistant", (TextPart("Because 世界."),))
        node = Node(self.answer, self.question, message, 2.0, Outcome.ARRIVING, target=TARGET)
        return replace(node, **more)

    def link(self) -> ShareLink:
        return ShareLink(self.share, self.talk, "Why?", 5.0)


def mine(who: str) -> QuotaCounter:
    return QuotaCounter(f"person:{who}", "tokens_day", 0)


HERS = Names("c", "q", "a", "s")
HIS = Names("c2", "q2", "a2", "s2")
NOBODYS = Names("no-c", "no-q", "no-a", "no-s")


def spend(name: str, talk: str | None) -> UsageRecord:
    usage, timing = Usage(1, 2, 3, 4, 5), Timing(0.1, 0.2, 0.3)
    return UsageRecord(name, talk, "answer", TARGET, usage, timing, Outcome.COMPLETE, "req", 3.0)


def fill(store: Store, owner: str, names: Names) -> None:
    store.messages.save_turn(owner, names.conversation(), [names.asked(), names.answered()])
    store.messages.finish(owner, names.answered(outcome=Outcome.COMPLETE))
    store.messages.reopen(owner, names.conversation(), names.answered())
    store.preferences.set_favourite(owner, f"m-{owner}", True)
    store.shares.add(owner, names.link(), f"hash-{owner}", {"of": owner})
    store.usage.record(owner, spend(f"spend-{owner}", names.talk))
    store.quotas.reserve(owner, f"request-{owner}", [Reservation(mine(owner), 7, 90)])
    store.users.upsert(User(owner, f"Name {owner}", f"{owner}@example.org"))


@pytest.fixture
def both(store):
    """A store with ann's and bob's."""
    fill(store, "ann", HERS)
    fill(store, "bob", HIS)
    return store


def dump(store: Store) -> set[tuple[str, ...]]:
    """All rows of all tables, each with its table's name."""
    with reading(store._engine) as connection:
        return {
            (name, *map(str, row))
            for name, table in metadata.tables.items()
            for row in connection.execute(sa.select(table))
        }


def begin_under(store: Store, who: str, names: Names) -> str:
    """A node of one's own under a node of this name."""
    with pytest.raises(StoreError) as refused:
        store.messages.save_turn(
            who, HIS.conversation(head="x"), [NOBODYS.asked(id="x", parent=names.question)]
        )
    return str(refused.value)


# Each asks, as `who`, about the ids of somebody.
CALLS: dict[str, Callable[[Store, str, Names], Any]] = {
    "conversation": lambda store, who, of: store.conversations.get(who, of.talk),
    "nodes": lambda store, who, of: store.messages.nodes(who, of.talk),
    "node": lambda store, who, of: store.messages.node(who, of.answer),
    "begin": begin_under,
    "reopen": lambda store, who, of: store.messages.reopen(
        who, of.conversation(head="x", updated=9.0), of.answered(message=Message("assistant", ()))
    ),
    "add": lambda store, who, of: store.messages.add(who, of.talk, of.answered(id="x")),
    "show": lambda store, who, of: store.messages.set_head(who, of.talk, of.question),
    "hide": lambda store, who, of: store.messages.soft_delete(who, of.talk, [of.question, of.answer], 1.0),
    "checkpoint": lambda store, who, of: store.messages.checkpoint(who, of.answered()),
    "settle": lambda store, who, of: store.messages.finish(who, of.answered(outcome=Outcome.COMPLETE)),
    "stop": lambda store, who, of: store.messages.mark_stopped(who, of.answer),
    "rename": lambda store, who, of: store.conversations.rename(who, of.talk, "Stolen"),
    "entitle": lambda store, who, of: store.conversations.set_generated_title(who, of.talk, "Stolen"),
    "set_params": lambda store, who, of: store.conversations.set_params(
        who, of.talk, Params(system="Stolen")
    ),
    "seen": lambda store, who, of: store.conversations.mark_read(who, of.talk),
    "keep_window": lambda store, who, of: store.conversations.set_truncation(
        who, of.talk, Truncation(of.question, "Stolen")
    ),
    "pin": lambda store, who, of: store.conversations.set_pinned(who, [of.talk], True),
    "archive": lambda store, who, of: store.conversations.set_archived(who, [of.talk], True),
    "file": lambda store, who, of: store.conversations.move_to_folder(who, [of.talk], "Stolen"),
    "delete": lambda store, who, of: store.conversations.delete(who, [of.talk]),
    "restore": lambda store, who, of: store.conversations.restore(who, [of.talk]),
    "share": lambda store, who, of: store.shares.add(who, replace(of.link(), id="x"), "hash-x", {}),
    "revoke": lambda store, who, of: store.shares.revoke(who, of.share),
    "spent": lambda store, who, of: store.usage.records(who, of.talk),
    "sums": lambda store, who, of: store.usage.totals_by_answer(who, of.talk),
    "release": lambda store, who, of: store.quotas.release(
        who, "request-ann" if of is HERS else "no-request"
    ),
}
# What only admins call: of everybody, and nothing of what anybody said.
ADMINS = {
    *("settle_limits", "settle_models", "settle_default", "settle_prompt", "put_out"),
    *("acts", "people"),
    *("lines_of_all", "lines_of_each", "firsts_of_all", "spent_by_each"),
}
# Each asks for, or changes, all that is its caller's.
OWN: dict[str, Callable[[Store, str], Any]] = {
    "conversations": lambda store, who: [
        store.conversations.page(who, 9, ConversationFilter(kind), before)
        for kind in ("open", "pinned", "archived")
        for before in (None, HERS.conversation(updated=9.0))
    ],
    "folders": lambda store, who: store.conversations.folders(who),
    "search": lambda store, who: [
        store.search.find(who, "你好", 9),
        store.search.find(who, "because", 9, SearchResult(HERS.conversation(), "a", "assistant", 9.0, "")),
    ],
    "everything": lambda store, who: list(store.conversations.export_all(who)),
    "shares": lambda store, who: store.shares.links(who),
    "spend": lambda store, who: store.usage.record(who, spend(f"more-{who}", HERS.talk)),
    "lines": lambda store, who: store.usage.daily(who, [DayRange(date(1970, 1, 1), 0.0)]),
    "firsts": lambda store, who: store.usage.first_token_times(who, 0.0, 9.0, 9),
    "since": lambda store, who: [found for found in [store.usage_since(who, 0.0)] if found.request_count],
    "preferences": lambda store, who: store.preferences.load(who).favourites,
    "favour": lambda store, who: store.preferences.set_favourite(who, "m-two", True),
    "set_default": lambda store, who: store.preferences.set_default_target(who, TARGET),
    "take_in": lambda store, who: store.conversations.import_all(
        who, [(HERS.conversation(id=f"new-{who}", head=None), [])]
    ),
    "meet": lambda store, who: store.users.upsert(User(who, "Zed", "zed@example.org")),
    "sign_out": lambda store, who: store.users.sign_out_everywhere(who, 5.0),
    "revoked_before": lambda store, who: store.users.revoked_before(who),
    "used": lambda store, who: [count for count in store.quotas.used(who, [mine(who)]).values() if count],
    "reserve": lambda store, who: store.quotas.reserve(who, f"x-{who}", [Reservation(mine(who), 7, 90)]),
    "note": lambda store, who: store.audit.record(User(who, "Zed"), "export", who),
    "erase": lambda store, who: store.users.delete_data(who),
    "adopt": lambda store, who: store.users.transfer_data(who, "carl"),
}
NO_OWNER = {
    "close",
    "answers",
    "sweep",
    "purge",
    "shared",
    "taken",
    "recount",
    "spent_by_all",
    "policy",
    "purge_acts",
} | ADMINS


def test_every_method_is_in_one_of_the_tables():
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if name[0] != "_"}
    assert methods == set(CALLS) | set(OWN) | NO_OWNER


@pytest.mark.parametrize("method", CALLS)
def test_what_is_anothers_is_as_what_is_not_there(both, method):
    before = dump(both)
    assert CALLS[method](both, "bob", HERS) == CALLS[method](both, "bob", NOBODYS)
    assert dump(both) == before


@pytest.mark.parametrize("method", sorted(set(CALLS) - {"begin"}))
def test_the_same_call_does_something_for_its_owner(both, method):
    if method == "restore":
        both.conversations.delete("ann", ["c"])
    before, answered = dump(both), CALLS[method](both, "ann", HERS)
    assert answered or dump(both) != before


@pytest.mark.parametrize("method", OWN)
def test_who_has_nothing_is_shown_nothing_and_changes_only_his_own(both, method):
    def hers() -> set[tuple[str, ...]]:
        return {row for row in dump(both) if not {"zed", "carl", "person:zed"} & set(row)}

    before = hers()
    assert not any(OWN[method](both, "zed") or ())
    assert hers() == before


def test_a_conversation_of_anothers_id_is_not_begun(both):
    before = dump(both)
    both.messages.save_turn("bob", HERS.conversation(head="x", title="Stolen"), [HERS.asked(id="x")])
    assert dump(both) == before


def test_what_is_anothers_is_not_taken_in(both):
    before = dump(both)
    both.conversations.import_all("bob", [(HERS.conversation(title="Stolen"), [HERS.asked(id="x")])])
    assert dump(both) == before


def left(store: Store, owner: str) -> list[object]:
    asked = [OWN[name](store, owner) for name in ("everything", "shares", "preferences", "search")]
    return [*asked, store.usage.records(owner, HERS.talk), store.usage.records(owner, HIS.talk)]


def test_erasing_leaves_nothing_of_an_owner_and_all_of_another(both):
    both.conversations.delete("ann", ["c"])
    his = left(both, "bob")
    both.users.delete_data("ann")
    assert left(both, "bob") == his
    # What was spent is spent.
    assert {row[0] for row in dump(both) if {"ann", "c", "q", "a"} & set(row)} == {"ledger", "reservation"}
    assert both.quotas.used("ann", [mine("ann")]) == {mine("ann"): 10}
    assert both.shares.snapshot("hash-ann") is None
    assert both.shares.snapshot("hash-bob") == {"of": "bob"}


def test_what_is_adopted_is_all_there_under_the_new_name(both):
    hers = left(both, "ann")
    both.users.transfer_data("ann", "carl")
    assert left(both, "carl") == hers
    assert left(both, "ann") == [[], [], (), [[], []], [], []]
    assert both.shares.snapshot("hash-ann") == {"of": "ann"}
    assert both.quotas.used("carl", [mine("carl"), mine("ann")]) == {mine("carl"): 10, mine("ann"): 0}


def test_what_the_new_owner_has_stays(both):
    both.preferences.set_default_target("ann", TARGET)
    both.users.transfer_data("ann", "bob")
    assert both.quotas.used("bob", [mine("bob")]) == {mine("bob"): 20}
    # What was reserved before, and is settled now, stays counted as it was reserved.
    both.usage.record("ann", replace(spend("request-ann", None), usage=Usage(1, output=1)))
    assert both.quotas.used("bob", [mine("bob")]) == {mine("bob"): 20}
    both.users.transfer_data("ann", "bob")
    assert both.preferences.load("bob") == Preferences(("m-bob",), TARGET)
    assert [talk.id for talk in both.conversations.page("bob", 9)] == ["c2", "c"]
    assert [len(found) for found in (both.shares.links("bob"), both.usage.records("bob", "c"))] == [2, 1]
    before = dump(both)
    both.users.transfer_data("bob", "bob")
    assert dump(both) == before


def test_what_admins_ask_of_everybody_has_nothing_of_what_anybody_said(both):
    for who in ("ann", "bob"):
        both.audit.record(User(who, f"Name {who}"), "share", HERS.talk)
    days = [DayRange(date(1970, 1, 1), 0.0)]
    asked = {
        "acts": both.audit.page(9),
        "people": both.users.all(),
        "lines_of_all": both.usage.daily(None, days),
        "lines_of_each": both.usage.daily_by_user(days),
        "firsts_of_all": both.usage.first_token_times(None, 0.0, 9.0, 9),
        "spent_by_each": both.usage.totals_by_user(0.0, 9.0),
    }
    assert set(asked) == {name for name in ADMINS if not name.startswith(("settle_", "put_out"))}
    assert all(asked.values())
    assert not [words for words in ("Why", "你好", "Because", "世界", "hash-") if words in str(asked)]
