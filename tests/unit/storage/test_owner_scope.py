"""Owner scope: rows of another owner look like missing ones; data is deleted or transferred."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lib.core.checkpoints import Checkpoint
from lib.core.comparisons import Vote
from lib.core.conversation import Feedback, Message, Outcome, Truncation, Usage
from lib.core.errors import QuestionNotQueued, StoreError
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.projects import FolderMove
from lib.core.prompts import PromptLink
from lib.core.question_queue import Pause
from lib.core.quota import Reservation
from lib.core.search import SearchFilter, SearchResult
from lib.core.target import Target
from lib.core.usage import ConversationFilter, DayRange
from lib.core.user import User
from lib.storage.database.engine import Aggregate
from lib.storage.store import Store
from tests.support.usage_records import read_usage_records
from tests.unit.storage.conftest import copy_template
from tests.unit.storage.two_owners import (
    ANNS,
    BEAR,
    BOBS,
    MISSING,
    Ids,
    dump,
    save_rows_of_two_owners,
    usage_record,
    user_counter,
)

TARGET = Target("claude-x", "anthropic")
FIRST_DAY = DayRange(date(1970, 1, 1), 0.0)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> Iterator[str]:
    yield from copy_template(request, tmp_path, save_rows_of_two_owners)


@pytest.fixture
def two_owner_store(store: Store) -> Store:
    """A store with rows of ann and bob in every table."""
    return store


def save_turn_under(store: Store, owner: str, ids: Ids) -> str:
    """Try to save a node of their own under a node of these ids; returns the error."""
    node = replace(BOBS.question(), id="x", parent_id=ids.question_id)
    with pytest.raises(StoreError) as error:
        store.messages.save_turn(owner, BOBS.conversation(head_id="x"), [node])
    return str(error.value)


def edit_queued(store: Store, owner: str, ids: Ids) -> str:
    """Edit a queued question; returns the error, "" without one."""
    try:
        store.queue.edit(owner, ids.queued(), "Stolen")
    except QuestionNotQueued as error:
        return error.code
    return ""


# Methods that take ids, called by `owner` with any ids.
CALLS_WITH_IDS: dict[str, Callable[[Store, str, Ids], Any]] = {
    "conversations.get": lambda s, owner, ids: s.conversations.get(owner, ids.conversation_id),
    "conversations.rename": lambda s, owner, ids: s.conversations.rename(owner, ids.conversation_id, "Stolen"),
    "conversations.set_generated_title": lambda s, owner, ids: s.conversations.set_generated_title(
        owner, ids.conversation_id, "Stolen"
    ),
    "conversations.set_params": lambda s, owner, ids: s.conversations.set_params(
        owner, ids.conversation_id, Params(system="Stolen")
    ),
    "conversations.mark_read": lambda s, owner, ids: s.conversations.mark_read(owner, ids.conversation_id),
    "conversations.set_truncation": lambda s, owner, ids: s.conversations.set_truncation(
        owner, ids.conversation_id, Truncation(ids.question_id, "Stolen")
    ),
    "conversations.set_pinned": lambda s, owner, ids: s.conversations.set_pinned(owner, [ids.conversation_id], True),
    "conversations.set_archived": lambda s, owner, ids: s.conversations.set_archived(
        owner, [ids.conversation_id], True
    ),
    "conversations.move_to_folder": lambda s, owner, ids: s.conversations.move_to_folder(
        owner, [ids.conversation_id], "Stolen"
    ),
    "conversations.delete": lambda s, owner, ids: s.conversations.delete(owner, [ids.conversation_id]),
    "conversations.restore": lambda s, owner, ids: s.conversations.restore(owner, [ids.conversation_id]),
    "comparisons.get": lambda s, owner, ids: s.comparisons.get(owner, ids.comparison_id),
    "comparisons.set_vote": lambda s, owner, ids: s.comparisons.set_vote(owner, ids.comparison_id, Vote("tie")),
    "comparisons.keep": lambda s, owner, ids: s.comparisons.keep(owner, ids.column_id),
    "comparisons.delete": lambda s, owner, ids: s.comparisons.delete(owner, ids.comparison_id),
    "comparisons.restore": lambda s, owner, ids: s.comparisons.restore(owner, ids.comparison_id),
    "messages.nodes": lambda s, owner, ids: s.messages.nodes(owner, ids.conversation_id),
    "messages.node": lambda s, owner, ids: s.messages.node(owner, ids.answer_id),
    "messages.save_turn": save_turn_under,
    "messages.find_submission": lambda s, owner, ids: s.messages.find_submission(owner, f"key-{ids.question_id}"),
    "messages.reopen": lambda s, owner, ids: s.messages.reopen(
        owner,
        ids.conversation(head_id="x", updated_at=9.0),
        ids.answer(message=Message("assistant", ())),
    ),
    "messages.add": lambda s, owner, ids: s.messages.add(owner, ids.conversation_id, ids.answer(id="x")),
    "messages.set_head": lambda s, owner, ids: s.messages.set_head(owner, ids.conversation_id, ids.question_id),
    "messages.set_deleted": lambda s, owner, ids: s.messages.set_deleted(
        owner, ids.conversation_id, [ids.question_id, ids.answer_id], 1.0
    ),
    "messages.arrival": lambda s, owner, ids: s.messages.arrival(owner, ids.answer().id),
    "messages.save_checkpoints": lambda s, owner, ids: s.messages.save_checkpoints(
        [Checkpoint(owner, ids.answer()), Checkpoint(owner, ids.answer(), is_heartbeat=True)]
    ),
    "messages.finish": lambda s, owner, ids: s.messages.finish(owner, ids.answer(outcome=Outcome.COMPLETE)),
    "messages.mark_stopped": lambda s, owner, ids: s.messages.mark_stopped(owner, ids.answer_id),
    "messages.set_feedback": lambda s, owner, ids: s.messages.set_feedback(
        owner, ids.answer_id, Feedback("bad", "Stolen")
    ),
    "queue.load": lambda s, owner, ids: s.queue.load(owner, ids.conversation_id).questions,
    "queue.add": lambda s, owner, ids: s.queue.add(owner, ids.queued(id="x"), "key"),
    "queue.restore": lambda s, owner, ids: s.queue.restore(owner, ids.queued(id="x"), 0),
    "attachments.get": lambda s, owner, ids: s.attachments.get(owner, ids.file.digest),
    "attachments.contents": lambda s, owner, ids: s.attachments.contents(owner, [ids.file.digest]),
    "attachments.texts": lambda s, owner, ids: s.attachments.texts(owner, [ids.file.digest]),
    "attachments.thumbnails": lambda s, owner, ids: s.attachments.thumbnails(owner, [ids.file.digest]),
    "attachments.facts": lambda s, owner, ids: s.attachments.facts(owner, [ids.file.digest]),
    "attachments.touch": lambda s, owner, ids: s.attachments.touch(owner, [ids.file.digest]),
    "attachments.copy": lambda s, owner, ids: s.attachments.copy(owner, "carl", [ids.file.digest]),
    "queue.edit": edit_queued,
    "queue.move": lambda s, owner, ids: s.queue.move(owner, ids.queued(), 1),
    "queue.remove": lambda s, owner, ids: s.queue.remove(owner, ids.queued()),
    "queue.pause": lambda s, owner, ids: s.queue.pause(owner, ids.conversation_id, Pause("stopped")),
    "queue.resume": lambda s, owner, ids: s.queue.resume(owner, ids.conversation_id),
    "queue.await_answer": lambda s, owner, ids: s.queue.await_answer(owner, ids.conversation_id),
    "conversations.set_persona": lambda s, owner, ids: s.conversations.set_persona(owner, ids.conversation_id, BEAR),
    "projects.get": lambda s, owner, ids: s.projects.get(owner, ids.project().name),
    "projects.instructions": lambda s, owner, ids: s.projects.instructions(owner, [ids.project().name]),
    "projects.move": lambda s, owner, ids: replace(s.projects.move(owner, ids.project().name, "Stolen"), name=""),
    "projects.undo_move": lambda s, owner, ids: s.projects.undo_move(
        owner, FolderMove("Stolen", "", (ids.conversation_id,), None, True)
    ),
    "prompts.get": lambda s, owner, ids: s.prompts.get(owner, ids.prompt_id),
    "prompts.delete": lambda s, owner, ids: s.prompts.delete(owner, ids.prompt_id),
    "prompts.restore": lambda s, owner, ids: s.prompts.restore(owner, ids.prompt_id),
    "prompts.links": lambda s, owner, ids: s.prompts.links(owner, ids.prompt_id),
    "prompts.revoke_links": lambda s, owner, ids: s.prompts.revoke_links(owner, ids.prompt_id),
    "prompts.add_link": lambda s, owner, ids: s.prompts.add_link(owner, PromptLink("x", ids.prompt_id, 1), "x", {}),
    "shares.add": lambda s, owner, ids: s.shares.add(owner, replace(ids.link(), id="x"), "hash-x", {}),
    "shares.revoke": lambda s, owner, ids: s.shares.revoke(owner, ids.share_id),
    "exchanges.get": lambda s, owner, ids: s.exchanges.get(owner, ids.exchange.id),
    "exchanges.of_answer": lambda s, owner, ids: s.exchanges.of_answer(owner, ids.answer_id),
    "exchanges.save": lambda s, owner, ids: s.exchanges.save(owner, replace(ids.exchange, id="x")),
    "usage.totals_by_answer": lambda s, owner, ids: s.usage.totals_by_answer(owner, ids.conversation_id),
    "gateway_checks.save": lambda s, owner, ids: s.gateway_checks.save(owner, ids.check(step=7)),
    "gateway_checks.delete": lambda s, owner, ids: s.gateway_checks.delete(owner, ids.check().id),
    "quotas.release": lambda s, owner, ids: s.quotas.release(owner, "request-ann" if ids is ANNS else "no-request"),
}
# Methods for administrators: about all users, without message content.
ADMIN_QUERIES: dict[str, Callable[[Store], Any]] = {
    "audit.page": lambda s: s.audit.page(9),
    "users.all": lambda s: s.users.all(),
    "usage.daily_by_user": lambda s: s.usage.daily_by_user([FIRST_DAY]),
    "usage.totals_by_user": lambda s: s.usage.totals_by_user(0.0, 9.0),
    "usage.requests": lambda s: s.usage.requests(0.0, 9.0, 9),
    "messages.feedback_by_model": lambda s: s.messages.feedback_by_model(),
}
ADMIN_METHODS = {
    *ADMIN_QUERIES,
    *("policy.set_limits", "policy.set_allowed_models", "policy.set_default_target", "policy.set_price"),
    *("prompts.save_team", "prompts.delete_team", "prompts.restore_team"),
    *("users.revoke_sessions", "refused_params.reset", "gateway_checks.list_team"),
}
# Methods that return the usage of one owner, or for administrators that of all users.
OPTIONAL_OWNER_METHODS = {"usage.daily", "usage.first_token_times"}
# Methods that read or change all data of their caller.
CALLS_WITHOUT_IDS: dict[str, Callable[[Store, str], Any]] = {
    "conversations.page": lambda s, owner: [
        s.conversations.page(owner, 9, ConversationFilter(kind), cursor)
        for kind in ("open", "pinned", "archived")
        for cursor in (None, ANNS.conversation(updated_at=9.0))
    ],
    "conversations.folders": lambda s, owner: s.conversations.folders(owner),
    "conversations.export_all": lambda s, o: [list(s.conversations.export_all(o, has_columns=n)) for n in (0, 1)],
    "conversations.import_all": lambda s, owner: s.conversations.import_all(
        owner, [(ANNS.conversation(id=f"new-{owner}", head_id=None), [])]
    ),
    "comparisons.page": lambda s, owner: s.comparisons.page(owner, 9) + s.comparisons.page(owner, 9, BOBS.comparison()),
    "comparisons.export_all": lambda s, owner: s.comparisons.export_all(owner),
    "comparisons.voted": lambda s, owner: s.comparisons.voted(owner),
    "comparisons.save": lambda s, owner: s.comparisons.save(owner, ANNS.comparison(id=f"new-{owner}"), []),
    "search.find": lambda s, owner: [
        s.search.find(owner, "你好", 9),
        s.search.find(owner, "because", 9, SearchResult(ANNS.conversation(), False, 9.0)),
        s.search.find(owner, "", 9, None, SearchFilter(end=1e12), [ANNS.conversation_id]),
    ],
    "search.models": lambda s, owner: s.search.models(owner),
    "attachments.put": lambda s, owner: s.attachments.put(owner, ANNS.file),
    "attachments.total_bytes": lambda s, owner: s.attachments.total_bytes(owner),
    "exchanges.export_all": lambda s, owner: list(s.exchanges.export_all(owner)),
    "exchanges.import_all": lambda s, o: s.exchanges.import_all(o, [replace(ANNS.exchange, id=f"new-{o}")]),
    "exchanges.recent": lambda s, owner: s.exchanges.recent(owner, 9),
    "shares.links": lambda s, owner: s.shares.links(owner),
    "usage.record": lambda s, owner: s.usage.record(owner, usage_record(f"more-{owner}", ANNS.conversation_id)),
    "usage.daily": lambda s, owner: s.usage.daily(owner, [FIRST_DAY]),
    "usage.first_token_times": lambda s, owner: s.usage.first_token_times(owner, 0.0, 9.0, 9),
    "projects.save": lambda s, owner: s.projects.save(owner, ANNS.project()),
    "projects.export_all": lambda s, owner: s.projects.export_all(owner),
    "projects.import_all": lambda s, owner: s.projects.import_all(owner, [ANNS.project()]),
    "prompts.summaries": lambda s, owner: s.prompts.summaries(owner),
    "prompts.texts": lambda s, owner: s.prompts.texts(owner),
    "prompts.save": lambda s, owner: s.prompts.save(owner, ANNS.prompt(id=f"new-{owner}")),
    "prompts.export_all": lambda s, owner: s.prompts.export_all(owner),
    "prompts.import_all": lambda s, owner: s.prompts.import_all(owner, [ANNS.prompt(id=f"new-{owner}")]),
    "preferences.load": lambda s, owner: s.preferences.load(owner).favourites,
    "preferences.set_favourite": lambda s, owner: s.preferences.set_favourite(owner, "m-two", True),
    "preferences.add_recent_model": lambda s, owner: s.preferences.add_recent_model(owner, "m-two"),
    "preferences.set_default_target": lambda s, owner: s.preferences.set_default_target(owner, TARGET),
    "preferences.set_speech": lambda s, owner: s.preferences.set_speech(owner, "coral", 1.5),
    "users.upsert": lambda s, owner: s.users.upsert(User(owner, "Zed", "zed@example.org")),
    "users.sign_out_everywhere": lambda s, owner: s.users.sign_out_everywhere(owner, 5.0),
    "users.revoked_before": lambda s, owner: s.users.revoked_before(owner),
    "users.delete_data": lambda s, owner: s.users.delete_data(owner),
    "users.transfer_data": lambda s, owner: s.users.transfer_data(owner, "carl"),
    "quotas.used": lambda s, owner: any(s.quotas.used(owner, [user_counter(owner)]).values()),
    "quotas.reserve": lambda s, owner: s.quotas.reserve(owner, f"x-{owner}", [Reservation(user_counter(owner), 7, 90)]),
    "quotas.reserve_all": lambda s, owner: s.quotas.reserve_all(
        owner, {f"y-{owner}": [Reservation(user_counter(owner), 7, 90)]}
    ),
    "gateway_checks.start": lambda s, owner: s.gateway_checks.start(owner, ANNS.check(id=f"new-{owner}")),
    "gateway_checks.list_own": lambda s, owner: s.gateway_checks.list_own(owner),
    "audit.record": lambda s, owner: s.audit.record(User(owner, "Zed"), "export", owner),
}
METHODS_WITHOUT_OWNER = {
    *("conversations.existing_ids", "messages.mark_stale", "shares.snapshot", "attachments.sweep"),
    *("prompts.existing_ids", "prompts.snapshot"),
    *("usage.total", "policy.load", "audit.purge", "exchanges.purge"),
    "server_secrets.load",
    *("gateway_checks.claim", "gateway_checks.postpone", "gateway_checks.list_team_results"),
    *("refused_params.load", "refused_params.learn"),
    *("sign_ins.revoke", "sign_ins.is_revoked"),
    *("sign_ins.register_attempt", "sign_ins.discard_attempt"),
} | ADMIN_METHODS


def aggregate_methods(store: Store) -> Iterator[tuple[str, type[Aggregate], str]]:
    """Yield the qualified name, the class and the name of each public method of the store's aggregates."""
    for attribute, aggregate in vars(store).items():
        if isinstance(aggregate, Aggregate):
            for name, _ in inspect.getmembers(type(aggregate), inspect.isfunction):
                if not name.startswith("_"):
                    yield f"{attribute}.{name}", type(aggregate), name


def test_the_tables_list_every_method_of_the_store(store):
    methods = {qualified_name for qualified_name, _, _ in aggregate_methods(store)}
    assert methods == {*CALLS_WITH_IDS, *CALLS_WITHOUT_IDS, *METHODS_WITHOUT_OWNER}


def prepare(store: Store, method: str) -> None:
    """Delete first what the method restores, and pause what it resumes."""
    if method == "conversations.restore":
        store.conversations.delete("ann", ["c"])
    if method == "queue.resume":
        store.queue.pause("ann", "c", Pause("stopped"))
    if method == "prompts.restore":
        store.prompts.delete("ann", "p")
    if method == "comparisons.restore":
        store.comparisons.delete("ann", ANNS.comparison_id)


PREPARED = ("conversations.restore", "queue.resume", "prompts.restore", "comparisons.restore")


def compare_with_missing_rows(store: Store, method: str, before: set[tuple[str, ...]]) -> None:
    call = CALLS_WITH_IDS[method]
    assert call(store, "bob", ANNS) == call(store, "bob", MISSING), method
    assert dump(store) == before, method


def test_rows_of_another_owner_look_like_missing_rows(two_owner_store):
    # One after the other, since none of them changes a row.
    before = dump(two_owner_store)
    for method in (name for name in CALLS_WITH_IDS if name not in PREPARED):
        compare_with_missing_rows(two_owner_store, method, before)


@pytest.mark.parametrize("method", PREPARED)
def test_what_another_owner_has_deleted_or_paused_looks_like_missing_rows(two_owner_store, method):
    prepare(two_owner_store, method)
    compare_with_missing_rows(two_owner_store, method, dump(two_owner_store))


# One database is enough: this checks the table above, without which the test above proves nothing.
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("method", sorted(set(CALLS_WITH_IDS) - {"messages.save_turn"}))
def test_the_same_call_has_an_effect_for_the_owner(two_owner_store, method):
    prepare(two_owner_store, method)
    before, result = dump(two_owner_store), CALLS_WITH_IDS[method](two_owner_store, "ann", ANNS)
    assert result or dump(two_owner_store) != before


def test_a_user_without_rows_gets_nothing_and_changes_only_own_rows(two_owner_store):
    # Each call has a user of its own, whose rows are those of another one for the next calls.
    rows = dump(two_owner_store)
    for number, (method, call) in enumerate(CALLS_WITHOUT_IDS.items()):
        user = f"zed{number}"
        own = {user, f"person:{user}", *({"carl"} if method == "users.transfer_data" else ())}
        result = call(two_owner_store, user)
        assert not (any(result) if isinstance(result, list | tuple) else result), method
        before, rows = rows, dump(two_owner_store)
        assert all(own & {*row} for row in before ^ rows), method


def test_a_turn_under_the_conversation_id_of_another_owner_is_ignored(two_owner_store):
    before = dump(two_owner_store)
    two_owner_store.messages.save_turn("bob", ANNS.conversation(head_id="x", title="Stolen"), [BOBS.question(id="x")])
    assert dump(two_owner_store) == before


def test_an_import_under_the_conversation_id_of_another_owner_is_ignored(two_owner_store):
    before = dump(two_owner_store)
    two_owner_store.conversations.import_all("bob", [(ANNS.conversation(title="Stolen"), [ANNS.question(id="x")])])
    assert dump(two_owner_store) == before


def readable_data(store: Store, owner: str) -> list[object]:
    """Return the data that an owner can still read."""
    methods = ["conversations.export_all", "shares.links", "preferences.load", "search.find", "prompts.export_all"]
    methods += ["projects.export_all", "conversations.folders", "attachments.total_bytes", "exchanges.recent"]
    methods += ["exchanges.export_all", "comparisons.export_all"]
    results = [CALLS_WITHOUT_IDS[method](store, owner) for method in methods]
    return [
        *results,
        read_usage_records(store, owner, ANNS.conversation_id),
        read_usage_records(store, owner, BOBS.conversation_id),
    ]


def test_deleting_a_users_data_leaves_usage_records_and_other_owners(two_owner_store):
    two_owner_store.conversations.delete("ann", ["c"])
    bobs_data = readable_data(two_owner_store, "bob")
    two_owner_store.users.delete_data("ann")
    assert readable_data(two_owner_store, "bob") == bobs_data
    left_tables = {row[0] for row in dump(two_owner_store) if {"ann", "c", "q", "a", "p"} & set(row)}
    assert left_tables == {"ledger", "reservation"}
    assert two_owner_store.quotas.used("ann", [user_counter("ann")]) == {user_counter("ann"): 10}
    assert two_owner_store.shares.snapshot("hash-ann") is None
    assert two_owner_store.shares.snapshot("hash-bob") == {"of": "bob"}
    assert [two_owner_store.prompts.snapshot(f"prompt-{owner}") for owner in ("ann", "bob")] == [None, {"of": "bob"}]


def test_transferred_data_belongs_to_the_new_owner_alone(two_owner_store):
    anns_data = readable_data(two_owner_store, "ann")
    two_owner_store.users.transfer_data("ann", "carl")
    assert readable_data(two_owner_store, "carl") == anns_data
    assert readable_data(two_owner_store, "ann") == [[[], []], [], (), [[], [], []], [], [], [], 0, [], [], [], [], []]
    assert two_owner_store.shares.snapshot("hash-ann") == {"of": "ann"}
    used = two_owner_store.quotas.used("carl", [user_counter("carl"), user_counter("ann")])
    assert used == {user_counter("carl"): 10, user_counter("ann"): 0}


def test_a_transfer_keeps_the_data_of_the_new_owner(two_owner_store):
    two_owner_store.preferences.set_default_target("ann", TARGET)
    two_owner_store.projects.save("ann", BOBS.project(instructions="Ann's"))
    two_owner_store.users.transfer_data("ann", "bob")
    assert two_owner_store.quotas.used("bob", [user_counter("bob")]) == {user_counter("bob"): 20}
    # A reservation from before the transfer, settled now, stays counted in full.
    two_owner_store.usage.record("ann", replace(usage_record("request-ann", None), usage=Usage(1, output=1)))
    assert two_owner_store.quotas.used("bob", [user_counter("bob")]) == {user_counter("bob"): 20}
    two_owner_store.users.transfer_data("ann", "bob")
    assert two_owner_store.preferences.load("bob") == Preferences(("m-bob",), TARGET)
    assert [conversation.id for conversation in two_owner_store.conversations.page("bob", 9)] == ["c2", "c"]
    assert two_owner_store.projects.export_all("bob") == [ANNS.project(), BOBS.project()]
    assert len(two_owner_store.shares.links("bob")) == 2
    assert len(read_usage_records(two_owner_store, "bob", "c")) == 1
    before = dump(two_owner_store)
    two_owner_store.users.transfer_data("bob", "bob")
    assert dump(two_owner_store) == before


def test_queries_for_administrators_return_no_message_content(two_owner_store):
    for owner in ("ann", "bob"):
        two_owner_store.audit.record(User(owner, f"Name {owner}"), "share", ANNS.conversation_id)
    results = {name: query(two_owner_store) for name, query in ADMIN_QUERIES.items()}
    results["usage.daily"] = two_owner_store.usage.daily(None, [FIRST_DAY])
    results["usage.first_token_times"] = two_owner_store.usage.first_token_times(None, 0.0, 9.0, 9)
    assert all(results.values())
    assert [text for text in ("Why", "你好", "Because", "世界", "hash-") if text in str(results)] == []
