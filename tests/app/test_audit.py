"""What a person does is told in the audit, in ids alone; and it is done where it cannot be told."""

from __future__ import annotations

import json

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError
from lib.core.user import User
from lib.storage.audit import Audit
from lib.storage.store import Store
from lib.ui.history import conversation_actions
from lib.ui.session import audit, resources
from lib.ui.settings import data
from tests.app.roles import BOB, id_of, shown

SAID, TITLE = "Said in confidence", "A title of mine"


@pytest.fixture
def begun(store):
    asked = Node("q", None, Message("user", (TextPart(SAID),)), 1.0)
    store.messages.save_turn(id_of(BOB), Conversation("c", TITLE, 1.0, "q"), [asked])
    return store


def told(store: Store) -> list[tuple[str, str]]:
    return [(act.action, act.resource) for act in reversed(store.audit.page(99))]


def opened(enter):
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    return at.run()


def test_a_sign_in_is_told_once_a_session(enter, store):
    at = enter("chat", BOB)
    at.run()
    at.run()
    assert told(store) == [("sign_in", "proxy")]
    (act,) = store.audit.page(9)
    assert (act.actor_id, act.actor_name) == (id_of(BOB), BOB)
    enter("settings", BOB)
    assert len(store.audit.page(9)) == 2


def test_nobody_signs_in_where_people_are_browsers(enter, store):
    enter("chat", mode="local")
    assert told(store) == []


def test_links_are_told_of(enter, begun):
    at = opened(enter)
    at.button(key="share-make").click().run()
    (share,) = begun.shares.links(id_of(BOB))
    settings = enter("settings", BOB)
    settings.button(key=f"revoke-{share.id}").click().run()
    assert [act for act in told(begun) if act[0] != "sign_in"] == [("share", "c"), ("revoke", share.id)]
    assert begun.shares.links(id_of(BOB)) == []


def test_the_end_of_everything_is_told_without_a_name(enter, begun):
    at = enter("settings", BOB)
    at.checkbox(key="erase-sure").check().run()
    at.button(key="erase").click().run()
    assert begun.conversations.get(id_of(BOB), "c") is None
    assert told(begun) == [("sign_in", "proxy"), ("erase", "")]
    assert {(act.actor_id, act.actor_name) for act in begun.audit.page(9)} == {(id_of(BOB), "")}


def test_the_download_of_everything_is_told_of(enter, begun):
    enter("settings", BOB)
    found = json.loads(data._export_all(User(id_of(BOB))))
    assert SAID in json.dumps(found)
    assert told(begun)[-1] == ("export", "everything")


def test_deleted_conversations_are_recorded_by_their_ids(begun, monkeypatch):
    monkeypatch.setattr(resources, "store", lambda: begun)
    one, two = (Conversation(id_, "", 1.0) for id_ in ("c", "d"))
    conversation_actions.delete(User("x"), [one])
    conversation_actions.delete(User("x"), [one, two])
    second, first = begun.audit.page(2)
    assert (first.resource, first.details) == ("c", {})
    assert (second.resource, second.details) == ("", {"conversations": ["c", "d"]})


def test_nothing_of_what_was_said_is_in_any_row(enter, begun):
    opened(enter).button(key="share-make").click().run()
    data._export_all(User(id_of(BOB)))
    assert len(begun.audit.page(9)) == 3
    assert SAID not in str(begun.audit.page(9)) and TITLE not in str(begun.audit.page(9))


def test_what_cannot_be_told_is_done_all_the_same(enter, begun, monkeypatch, caplog):
    def refused(*_: object, **__: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(Audit, "record", refused)
    at = opened(enter)
    assert SAID in shown(at)
    at.button(key="share-make").click().run()
    assert len(begun.shares.links(id_of(BOB))) == 1
    assert [record.message for record in caplog.records if record.name == audit.__name__] == [
        "an audit event could not be recorded: sign_in",
        "an audit event could not be recorded: share",
    ]
