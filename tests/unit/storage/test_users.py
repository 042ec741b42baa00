"""Users: upserted at each visit; a revocation of sessions is never undone."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from lib.core.user import User
from lib.storage.database.engine import read_transaction
from lib.storage.schema.tables import person as users_table
from lib.storage.store import Store

ANN = User("oidc:ann", "Ann 安", "ann@example.org")


def read_users(store: Store) -> dict[str, tuple[str, str, float, bool]]:
    """Return name, address, revocation time and a flag for users seen, by id."""
    with read_transaction(store._engine) as connection:
        result = connection.execute(sa.select(users_table)).all()
    return {row.id: (row.name, row.email, row.revoked_before, row.seen > 0) for row in result}


def test_an_upsert_replaces_name_and_address(store, url):
    store.users.upsert(ANN)
    store.users.upsert(User("proxy:bob", "Bob"))
    store.users.upsert(User(ANN.id, "Ann B.", "ann.b@example.org"))
    reopened = Store(url)
    assert read_users(reopened) == {
        "oidc:ann": ("Ann B.", "ann.b@example.org", 0.0, True),
        "proxy:bob": ("Bob", "", 0.0, True),
    }
    reopened.close()


def test_a_visit_that_is_a_sign_in_is_in_the_audit_log(store):
    store.users.upsert(ANN)
    store.users.upsert(ANN, "oidc")
    events = [(event.actor_id, event.action, event.resource) for event in store.audit.page(10)]
    assert events == [(ANN.id, "sign_in", "oidc")]


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_a_revocation_survives_a_restart_and_another_visit(store, url, is_known):
    assert store.users.revoked_before(ANN.id) == 0.0
    if is_known:
        store.users.upsert(ANN)
    store.users.sign_out_everywhere(ANN.id, 1_700_000_000.25)
    store.users.upsert(ANN)
    reopened = Store(url)
    assert reopened.users.revoked_before(ANN.id) == 1_700_000_000.25
    assert reopened.users.revoked_before("oidc:bob") == 0.0
    reopened.close()


def test_a_revocation_time_never_decreases(store):
    store.users.sign_out_everywhere(ANN.id, 20.0)
    store.users.sign_out_everywhere(ANN.id, 10.0)
    assert store.users.revoked_before(ANN.id) == 20.0
    store.users.sign_out_everywhere(ANN.id, 30.0)
    assert store.users.revoked_before(ANN.id) == 30.0


def test_the_latest_of_concurrent_revocations_is_saved(url):
    stores = [Store(url) for _ in range(2)]

    def sign_out(index: int) -> None:
        for timestamp in range(index + 1, 41, 2):
            stores[index].users.sign_out_everywhere(ANN.id, float(timestamp))

    threads = [threading.Thread(target=sign_out, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [store.users.revoked_before(ANN.id) for store in stores] == [40.0, 40.0]
    for store in stores:
        store.close()


def test_deleting_a_user_erases_the_name_and_keeps_the_revocation(store):
    for user in (ANN, User("oidc:bob", "Bob", "bob@example.org")):
        store.users.upsert(user)
    store.users.sign_out_everywhere(ANN.id, 5.0)
    store.users.delete_data(ANN.id)
    assert read_users(store)["oidc:ann"] == ("", "", 5.0, False)
    store.users.delete_data("oidc:bob")
    assert set(read_users(store)) == {"oidc:ann"}
