"""Secrets of servers: one for each purpose, the same for all servers and after a restart."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from lib.storage.store import Store

SERVERS = 4


def test_servers_that_ask_at_the_same_time_get_one_secret(url):
    stores, start = [Store(url) for _ in range(SERVERS)], threading.Barrier(SERVERS)

    def load(store: Store) -> str:
        start.wait(60)
        return store.server_secrets.load("drafts")

    with ThreadPoolExecutor(SERVERS) as pool:
        (secret,) = set(pool.map(load, stores))
    assert len(bytes.fromhex(secret)) == 32
    assert stores[0].server_secrets.load("other") != secret
    for store in stores:
        store.close()
    restarted = Store(url)
    assert restarted.server_secrets.load("drafts") == secret
    restarted.close()


def test_nothing_of_a_user_removes_a_secret(store):
    secret = store.server_secrets.load("drafts")
    store.users.delete_data("ann")
    store.users.transfer_data("ann", "bob")
    store.purge_deleted(-1)
    assert store.server_secrets.load("drafts") == secret
