"""Users: upserted at each visit; a revocation of sessions is never undone."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from lib.core.user import User
from lib.storage.engine import read_transaction
from lib.storage.schema import person as persons
from lib.storage.store import Store

ANN = User("oidc:ann", "Ann 安", "ann@example.org")


def rows(store: Store) -> dict[str, tuple[str, str, float, bool]]:
    """Name, address, the moment of the revocation, whether ever seen: by id."""
    with read_transaction(store._engine) as connection:
        found = connection.execute(sa.select(persons)).all()
    return {row.id: (row.name, row.email, row.revoked_before, row.seen > 0) for row in found}


def test_a_person_is_kept_as_they_were_last(store, url):
    store.users.upsert(ANN)
    store.users.upsert(User("proxy:bob", "Bob"))
    store.users.upsert(User(ANN.id, "Ann B.", "ann.b@example.org"))
    again = Store(url)
    assert rows(again) == {
        "oidc:ann": ("Ann B.", "ann.b@example.org", 0.0, True),
        "proxy:bob": ("Bob", "", 0.0, True),
    }
    again.close()


@pytest.mark.parametrize("known", [True, False], ids=["known", "never met"])
def test_who_is_signed_out_stays_so_over_a_restart_and_another_visit(store, url, known):
    assert store.users.revoked_before(ANN.id) == 0.0
    if known:
        store.users.upsert(ANN)
    store.users.sign_out_everywhere(ANN.id, 1_700_000_000.25)
    store.users.upsert(ANN)
    again = Store(url)
    assert again.users.revoked_before(ANN.id) == 1_700_000_000.25
    assert again.users.revoked_before("oidc:bob") == 0.0
    again.close()


def test_a_revocation_is_never_set_back(store):
    store.users.sign_out_everywhere(ANN.id, 20.0)
    store.users.sign_out_everywhere(ANN.id, 10.0)
    assert store.users.revoked_before(ANN.id) == 20.0
    store.users.sign_out_everywhere(ANN.id, 30.0)
    assert store.users.revoked_before(ANN.id) == 30.0


def test_of_revocations_at_the_same_time_the_latest_holds(url):
    stores = [Store(url) for _ in range(2)]

    def sign_out(place: int) -> None:
        for moment in range(place + 1, 41, 2):
            stores[place].users.sign_out_everywhere(ANN.id, float(moment))

    threads = [threading.Thread(target=sign_out, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [opened.users.revoked_before(ANN.id) for opened in stores] == [40.0, 40.0]
    for opened in stores:
        opened.close()


def test_erasing_forgets_who_it_was_and_not_that_they_are_signed_out(store):
    for person in (ANN, User("oidc:bob", "Bob", "bob@example.org")):
        store.users.upsert(person)
    store.users.sign_out_everywhere(ANN.id, 5.0)
    store.users.delete_data(ANN.id)
    assert rows(store)["oidc:ann"] == ("", "", 5.0, False)
    store.users.delete_data("oidc:bob")
    assert set(rows(store)) == {"oidc:ann"}
