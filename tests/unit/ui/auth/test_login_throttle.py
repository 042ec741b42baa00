"""Rate limit of password attempts, by address and in total."""

from __future__ import annotations

import threading

from lib.ui.auth.login_throttle import LoginThrottle


def test_an_address_is_throttled_after_its_attempts_and_others_are_not():
    attempts = LoginThrottle(max_per_address=3, max_total=9, window_seconds=60.0)
    assert [attempts.register_attempt("a", 10.0 + n) for n in range(3)] == [0.0] * 3
    assert attempts.register_attempt("a", 15.0) == 55.0
    assert attempts.register_attempt("b", 15.0) == 0.0
    assert attempts.register_attempt("a", 70.0) == 0.0
    assert attempts.register_attempt("a", 70.5) == 0.5


def test_all_addresses_together_are_throttled():
    attempts = LoginThrottle(max_per_address=3, max_total=4, window_seconds=60.0)
    assert [attempts.register_attempt(f"10.0.0.{n}", 1.0 + n) for n in range(4)] == [0.0] * 4
    assert attempts.register_attempt("10.0.0.9", 21.0) == 40.0
    assert attempts.register_attempt("10.0.0.9", 61.0) == 0.0


def test_throttled_attempts_do_not_extend_the_wait():
    attempts = LoginThrottle(max_per_address=1, max_total=9, window_seconds=60.0)
    attempts.register_attempt("a", 0.0)
    assert [attempts.register_attempt("a", now) for now in (10.0, 59.0, 60.0)] == [50.0, 1.0, 0.0]


def test_a_correct_password_discards_only_its_own_attempt():
    attempts = LoginThrottle(max_per_address=2, max_total=9, window_seconds=60.0)
    attempts.register_attempt("a", 0.0)
    attempts.register_attempt("a", 1.0)
    attempts.discard_attempt("b")
    attempts.discard_attempt("a")
    assert attempts.register_attempt("a", 2.0) == 0.0
    assert attempts.register_attempt("a", 3.0) == 57.0


def test_concurrent_attempts_are_all_counted():
    attempts = LoginThrottle(max_per_address=50, max_total=50, window_seconds=60.0)
    waits: list[float] = []
    start = threading.Barrier(8, timeout=30)

    def attempt_often() -> None:
        start.wait()
        waits.extend(attempts.register_attempt("a", 1.0) for _ in range(20))

    threads = [threading.Thread(target=attempt_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(waits), waits.count(0.0)) == (160, 50)
