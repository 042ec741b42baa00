"""Audit events of a session: ids without content, and no action blocked by a failed write."""

from __future__ import annotations

import json

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError
from lib.core.user import User
from lib.storage.audit import Audit
from lib.storage.store import Store
from lib.storage.users import Users
from lib.ui.auth import access_control
from lib.ui.history import conversation_actions
from lib.ui.session import audit, resources
from lib.ui.session.values import Inspection
from lib.ui.settings import data
from tests.app.users import BOB, id_of, page_text

QUESTION_TEXT, TITLE = "Said in confidence", "A title of mine"


@pytest.fixture
def saved_store(store):
    question = Node("q", None, Message("user", (TextPart(QUESTION_TEXT),)), 1.0)
    store.messages.save_turn(id_of(BOB), Conversation("c", TITLE, 1.0, "q"), [question])
    return store


def recorded_actions(store: Store) -> list[tuple[str, str]]:
    return [(event.action, event.resource) for event in reversed(store.audit.page(99))]


def open_conversation(enter):
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    return at.run()


def test_a_sign_in_is_recorded_once_a_session(enter, store):
    at = enter("chat", BOB)
    at.run()
    at.run()
    assert recorded_actions(store) == [("sign_in", "proxy")]
    (event,) = store.audit.page(9)
    assert (event.actor_id, event.actor_name) == (id_of(BOB), BOB)
    enter("settings", BOB)
    assert len(store.audit.page(9)) == 2


def test_no_sign_in_is_recorded_in_modes_without_accounts(enter, store):
    enter("chat", mode="local")
    assert recorded_actions(store) == []


def test_created_and_revoked_share_links_are_recorded(enter, saved_store):
    at = open_conversation(enter)
    at.button(key="share-make").click().run()
    (share,) = saved_store.shares.links(id_of(BOB))
    settings = enter("settings", BOB, open_tabs={"settings": "links"})
    settings.button(key=f"revoke-{share.id}").click().run()
    assert [action for action in recorded_actions(saved_store) if action[0] != "sign_in"] == [
        ("share", "c"),
        ("revoke", share.id),
    ]
    assert saved_store.shares.links(id_of(BOB)) == []


def test_an_erasure_is_recorded_without_a_name(enter, saved_store):
    at = enter("settings", BOB, open_tabs={"settings": "data"})
    at.session_state["opened_exchange"] = Inspection(exchange_id="x")
    at.checkbox(key="erase-sure").check().run()
    at.button(key="erase").click().run()
    assert "opened_exchange" not in at.session_state
    assert saved_store.conversations.get(id_of(BOB), "c") is None
    assert recorded_actions(saved_store) == [("sign_in", "proxy"), ("erase", "")]
    assert {(event.actor_id, event.actor_name) for event in saved_store.audit.page(9)} == {(id_of(BOB), "")}


def test_an_export_of_all_conversations_is_recorded(enter, saved_store):
    enter("settings", BOB)
    exported = json.loads(data._export_all(User(id_of(BOB)), "json"))
    assert QUESTION_TEXT in json.dumps(exported)
    assert recorded_actions(saved_store)[-1] == ("export", "everything")


def test_deleted_conversations_are_recorded_by_their_ids(saved_store, monkeypatch):
    monkeypatch.setattr(resources, "store", lambda: saved_store)
    first_conversation, second_conversation = (Conversation(id_, "", 1.0) for id_ in ("c", "d"))
    conversation_actions.delete(User("x"), [first_conversation])
    conversation_actions.delete(User("x"), [first_conversation, second_conversation])
    second, first = saved_store.audit.page(2)
    assert (first.resource, first.details) == ("c", {})
    assert (second.resource, second.details) == ("", {"conversations": ["c", "d"]})


def test_no_audit_event_holds_content(enter, saved_store):
    open_conversation(enter).button(key="share-make").click().run()
    data._export_all(User(id_of(BOB)), "json")
    assert len(saved_store.audit.page(9)) == 3
    assert QUESTION_TEXT not in str(saved_store.audit.page(9)) and TITLE not in str(saved_store.audit.page(9))


def test_a_failed_audit_write_does_not_block_the_action(enter, saved_store, monkeypatch, caplog):
    def raise_error(*_: object, **__: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(Audit, "record", raise_error)
    monkeypatch.setattr(Users, "upsert", raise_error)
    at = open_conversation(enter)
    assert QUESTION_TEXT in page_text(at)
    at.button(key="share-make").click().run()
    assert len(saved_store.shares.links(id_of(BOB))) == 1
    loggers = (audit.__name__, access_control.__name__)
    assert [record.message for record in caplog.records if record.name in loggers] == [
        "the user could not be recorded",
        "an audit event could not be recorded: share",
    ]
