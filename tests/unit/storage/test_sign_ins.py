"""Revoked sign-ins, and the rate limit of password attempts that all servers share."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lib.storage.store import Store

LIMITS = {"max_per_address": 3, "max_total": 5, "window_seconds": 60.0}


@pytest.fixture
def other_store(url) -> Iterator[Store]:
    """The same database, opened by another server."""
    other = Store(url)
    yield other
    other.close()


def test_a_revocation_counts_on_every_server_until_the_cookie_expires(store, other_store):
    store.sign_ins.revoke("a" * 64, 1e12)
    store.sign_ins.revoke("a" * 64, 1e12)
    store.sign_ins.revoke("b" * 64, 1.0)
    assert [other_store.sign_ins.is_revoked(letter * 64) for letter in "abc"] == [True, True, False]
    other_store.purge_deleted(9.0)
    assert [store.sign_ins.is_revoked(letter * 64) for letter in "abc"] == [True, False, False]


def test_attempts_are_counted_together(store, other_store):
    servers = [store, other_store, store]
    assert [s.sign_ins.register_attempt("10.0.0.1", 10.0 + n, **LIMITS) for n, s in enumerate(servers)] == [0.0] * 3
    assert other_store.sign_ins.register_attempt("10.0.0.1", 15.0, **LIMITS) == 55.0
    # Throttled attempts do not count, and other addresses are not throttled.
    assert other_store.sign_ins.register_attempt("10.0.0.2", 16.0, **LIMITS) == 0.0
    assert store.sign_ins.register_attempt("10.0.0.1", 70.0, **LIMITS) == 0.0


def test_all_addresses_together_are_throttled(store):
    assert [store.sign_ins.register_attempt(f"10.0.0.{n}", 1.0 + n, **LIMITS) for n in range(5)] == [0.0] * 5
    assert store.sign_ins.register_attempt("10.0.0.9", 21.0, **LIMITS) == 40.0
    assert store.sign_ins.register_attempt("10.0.0.9", 61.0, **LIMITS) == 0.0


def test_a_correct_password_discards_only_its_own_attempt(store):
    for now in (0.0, 1.0, 2.0):
        store.sign_ins.register_attempt("a", now, **LIMITS)
    store.sign_ins.discard_attempt("b")
    assert store.sign_ins.register_attempt("a", 3.0, **LIMITS) == 57.0
    store.sign_ins.discard_attempt("a")
    assert store.sign_ins.register_attempt("a", 4.0, **LIMITS) == 0.0


def test_a_clock_that_is_set_back_throttles_nobody_for_long(store):
    for _ in range(3):
        store.sign_ins.register_attempt("a", 9_000.0, **LIMITS)
    assert store.sign_ins.register_attempt("a", 100.0, **LIMITS) == 0.0


def test_concurrent_attempts_are_all_counted(store, other_store):
    limits = {"max_per_address": 12, "max_total": 50, "window_seconds": 60.0}
    waits: list[float] = []
    start = threading.Barrier(4, timeout=30)

    def attempt_often(server: Store) -> None:
        start.wait()
        waits.extend(server.sign_ins.register_attempt("a", 1.0, **limits) for _ in range(5))

    threads = [threading.Thread(target=attempt_often, args=(s,)) for s in (store, other_store) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(waits), waits.count(0.0)) == (20, 12)
