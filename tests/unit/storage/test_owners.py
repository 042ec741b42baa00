"""What is another's looks like what is not there; all that is an owner's is erased, or handed over."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, Outcome, Text, Timing, Usage, Window
from lib.core.errors import StoreError
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.quota import Claim, Counter
from lib.core.target import Target
from lib.core.usage import Hit, Share, Shelf, Span, Spend
from lib.core.user import Person
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
        return replace(Conversation(self.talk, "Why?", 2.0, self.answer, TARGET, created=2.0), **more)

    def asked(self, **more: Any) -> Node:
        return replace(Node(self.question, None, Message("user", (Text("Why 你好?"),)), 1.0), **more)

    def answered(self, **more: Any) -> Node:
        message = Message("assistant", (Text("Because 世界."),))
        node = Node(self.answer, self.question, message, 2.0, Outcome.ARRIVING, target=TARGET)
        return replace(node, **more)

    def link(self) -> Share:
        return Share(self.share, self.talk, "Why?", 5.0)


def mine(who: str) -> Counter:
    return Counter(f"person:{who}", "tokens_day", 0)


HERS = Names("c", "q", "a", "s")
HIS = Names("c2", "q2", "a2", "s2")
NOBODYS = Names("no-c", "no-q", "no-a", "no-s")


def spend(name: str, talk: str | None) -> Spend:
    usage, timing = Usage(1, 2, 3, 4, 5), Timing(0.1, 0.2, 0.3)
    return Spend(name, talk, "answer", TARGET, usage, timing, Outcome.COMPLETE, "req", 3.0)


def fill(store: Store, owner: str, names: Names) -> None:
    store.begin(owner, names.conversation(), [names.asked(), names.answered()])
    store.settle(owner, names.answered(outcome=Outcome.COMPLETE))
    store.reopen(owner, names.conversation(), names.answered())
    store.favour(owner, f"m-{owner}", True)
    store.share(owner, names.link(), f"hash-{owner}", {"of": owner})
    store.spend(owner, spend(f"spend-{owner}", names.talk))
    store.reserve(owner, f"request-{owner}", [Claim(mine(owner), 7, 90)])
    store.meet(Person(owner, f"Name {owner}", f"{owner}@example.org"))


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
        store.begin(who, HIS.conversation(head="x"), [NOBODYS.asked(id="x", parent=names.question)])
    return str(refused.value)


# Each asks, as `who`, about the ids of somebody.
CALLS: dict[str, Callable[[Store, str, Names], Any]] = {
    "conversation": lambda store, who, of: store.conversation(who, of.talk),
    "nodes": lambda store, who, of: store.nodes(who, of.talk),
    "node": lambda store, who, of: store.node(who, of.answer),
    "begin": begin_under,
    "reopen": lambda store, who, of: store.reopen(
        who, of.conversation(head="x", updated=9.0), of.answered(message=Message("assistant", ()))
    ),
    "add": lambda store, who, of: store.add(who, of.talk, of.answered(id="x")),
    "show": lambda store, who, of: store.show(who, of.talk, of.question),
    "hide": lambda store, who, of: store.hide(who, of.talk, [of.question, of.answer], 1.0),
    "checkpoint": lambda store, who, of: store.checkpoint(who, of.answered()),
    "settle": lambda store, who, of: store.settle(who, of.answered(outcome=Outcome.COMPLETE)),
    "stop": lambda store, who, of: store.stop(who, of.answer),
    "rename": lambda store, who, of: store.rename(who, of.talk, "Stolen"),
    "entitle": lambda store, who, of: store.entitle(who, of.talk, "Stolen"),
    "set_params": lambda store, who, of: store.set_params(who, of.talk, Params(system="Stolen")),
    "seen": lambda store, who, of: store.seen(who, of.talk),
    "keep_window": lambda store, who, of: store.keep_window(who, of.talk, Window(of.question, "Stolen")),
    "pin": lambda store, who, of: store.pin(who, [of.talk], True),
    "archive": lambda store, who, of: store.archive(who, [of.talk], True),
    "file": lambda store, who, of: store.file(who, [of.talk], "Stolen"),
    "delete": lambda store, who, of: store.delete(who, [of.talk]),
    "restore": lambda store, who, of: store.restore(who, [of.talk]),
    "share": lambda store, who, of: store.share(who, replace(of.link(), id="x"), "hash-x", {}),
    "revoke": lambda store, who, of: store.revoke(who, of.share),
    "spent": lambda store, who, of: store.spent(who, of.talk),
    "sums": lambda store, who, of: store.sums(who, of.talk),
    "release": lambda store, who, of: store.release(who, "request-ann" if of is HERS else "no-request"),
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
        store.conversations(who, 9, Shelf(kind), before)
        for kind in ("open", "pinned", "archived")
        for before in (None, HERS.conversation(updated=9.0))
    ],
    "folders": lambda store, who: store.folders(who),
    "search": lambda store, who: [
        store.search(who, "你好", 9),
        store.search(who, "because", 9, Hit(HERS.conversation(), "a", "assistant", 9.0, "")),
    ],
    "everything": lambda store, who: list(store.everything(who)),
    "shares": lambda store, who: store.shares(who),
    "spend": lambda store, who: store.spend(who, spend(f"more-{who}", HERS.talk)),
    "lines": lambda store, who: store.lines(who, [Span(date(1970, 1, 1), 0.0)]),
    "firsts": lambda store, who: store.firsts(who, 0.0, 9.0, 9),
    "since": lambda store, who: [found for found in [store.since(who, 0.0)] if found.requests],
    "preferences": lambda store, who: store.preferences(who).favourites,
    "favour": lambda store, who: store.favour(who, "m-two", True),
    "set_default": lambda store, who: store.set_default(who, TARGET),
    "take_in": lambda store, who: store.take_in(who, [(HERS.conversation(id=f"new-{who}", head=None), [])]),
    "meet": lambda store, who: store.meet(Person(who, "Zed", "zed@example.org")),
    "sign_out": lambda store, who: store.sign_out(who, 5.0),
    "revoked_before": lambda store, who: store.revoked_before(who),
    "used": lambda store, who: [count for count in store.used(who, [mine(who)]).values() if count],
    "reserve": lambda store, who: store.reserve(who, f"x-{who}", [Claim(mine(who), 7, 90)]),
    "note": lambda store, who: store.note(Person(who, "Zed"), "export", who),
    "erase": lambda store, who: store.erase(who),
    "adopt": lambda store, who: store.adopt(who, "carl"),
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
        both.delete("ann", ["c"])
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
    both.begin("bob", HERS.conversation(head="x", title="Stolen"), [HERS.asked(id="x")])
    assert dump(both) == before


def test_what_is_anothers_is_not_taken_in(both):
    before = dump(both)
    both.take_in("bob", [(HERS.conversation(title="Stolen"), [HERS.asked(id="x")])])
    assert dump(both) == before


def left(store: Store, owner: str) -> list[object]:
    asked = [OWN[name](store, owner) for name in ("everything", "shares", "preferences", "search")]
    return [*asked, store.spent(owner, HERS.talk), store.spent(owner, HIS.talk)]


def test_erasing_leaves_nothing_of_an_owner_and_all_of_another(both):
    both.delete("ann", ["c"])
    his = left(both, "bob")
    both.erase("ann")
    assert left(both, "bob") == his
    # What was spent is spent.
    assert {row[0] for row in dump(both) if {"ann", "c", "q", "a"} & set(row)} == {"ledger", "reservation"}
    assert both.used("ann", [mine("ann")]) == {mine("ann"): 10}
    assert both.shared("hash-ann") is None
    assert both.shared("hash-bob") == {"of": "bob"}


def test_what_is_adopted_is_all_there_under_the_new_name(both):
    hers = left(both, "ann")
    both.adopt("ann", "carl")
    assert left(both, "carl") == hers
    assert left(both, "ann") == [[], [], (), [[], []], [], []]
    assert both.shared("hash-ann") == {"of": "ann"}
    assert both.used("carl", [mine("carl"), mine("ann")]) == {mine("carl"): 10, mine("ann"): 0}


def test_what_the_new_owner_has_stays(both):
    both.set_default("ann", TARGET)
    both.adopt("ann", "bob")
    assert both.used("bob", [mine("bob")]) == {mine("bob"): 20}
    # What was reserved before, and is settled now, stays counted as it was reserved.
    both.spend("ann", replace(spend("request-ann", None), usage=Usage(1, output=1)))
    assert both.used("bob", [mine("bob")]) == {mine("bob"): 20}
    both.adopt("ann", "bob")
    assert both.preferences("bob") == Preferences(("m-bob",), TARGET)
    assert [talk.id for talk in both.conversations("bob", 9)] == ["c2", "c"]
    assert [len(found) for found in (both.shares("bob"), both.spent("bob", "c"))] == [2, 1]
    before = dump(both)
    both.adopt("bob", "bob")
    assert dump(both) == before


def test_what_admins_ask_of_everybody_has_nothing_of_what_anybody_said(both):
    for who in ("ann", "bob"):
        both.note(Person(who, f"Name {who}"), "share", HERS.talk)
    days = [Span(date(1970, 1, 1), 0.0)]
    asked = {
        "acts": both.acts(9),
        "people": both.people(),
        "lines_of_all": both.lines_of_all(days),
        "lines_of_each": both.lines_of_each(days),
        "firsts_of_all": both.firsts_of_all(0.0, 9.0, 9),
        "spent_by_each": both.spent_by_each(0.0, 9.0),
    }
    assert set(asked) == {name for name in ADMINS if not name.startswith(("settle_", "put_out"))}
    assert all(asked.values())
    assert not [words for words in ("Why", "你好", "Because", "世界", "hash-") if words in str(asked)]
