"""A value that is loaded again after a time, read by many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.core.errors import StoreError
from lib.ui.session.timed_cache import TimedCache


def test_a_value_is_loaded_again_after_its_time_and_on_request():
    now, loads = [0.0], iter(range(10))
    cache = TimedCache(lambda: next(loads), 5.0, lambda: now[0])
    values = [cache(), cache()]
    now[0] = 4.9
    values.append(cache())
    now[0] = 5.0
    values.append(cache())
    cache.clear()
    values += [cache(), cache()]
    assert values == [0, 0, 0, 1, 2, 2]


def test_an_error_is_raised_to_each_caller_and_not_kept():
    results = iter((StoreError("away"), StoreError("away"), "policy"))

    def load() -> str:
        result = next(results)
        if isinstance(result, StoreError):
            raise result
        return result

    cache = TimedCache(load, 5.0)
    for _ in range(2):
        with pytest.raises(StoreError):
            cache()
    assert [cache(), cache()] == ["policy"] * 2


def test_readers_always_get_a_value_while_it_expires():
    cache = TimedCache(lambda: "policy", 0.0)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda n: cache.clear() if n % 10 == 0 else cache(), range(2_000)))
    assert set(values) == {"policy", None}
