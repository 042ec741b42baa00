"""A resource that is built once for all sessions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lib.core.errors import StoreError
from lib.ui.session.shared_resource import SharedResource


def test_a_resource_is_built_once_for_each_argument_by_whoever_is_first():
    builds: list[str] = []
    together = threading.Barrier(8)

    @SharedResource
    def resource(name: str) -> object:
        """Return it."""
        builds.append(name)
        return object()

    def get(number: int) -> object:
        together.wait()
        return resource("ab"[number % 2])

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(get, range(8)))
    assert sorted(builds) == ["a", "b"] and len(set(results)) == 2
    assert resource("a") is results[0] and resource.__doc__ == "Return it."


def test_no_result_is_one_and_an_error_is_none():
    results = iter((StoreError("away"), None, "later"))

    @SharedResource
    def resource() -> str | None:
        result = next(results)
        if isinstance(result, StoreError):
            raise result
        return result

    with pytest.raises(StoreError):
        resource()
    assert resource() is None and resource() is None
    resource.clear()
    assert resource() == "later"


def test_what_is_not_valid_any_more_or_cleared_is_released():
    released: list[list[int]] = []

    @partial(SharedResource, is_valid=bool, release=released.append)
    def resource() -> list[int]:
        return [1]

    first = resource()
    assert resource() is first and released == []
    first.clear()
    second = resource()
    assert second == [1] and resource() is second and released == [[]]
    resource.clear()
    assert released == [[], [1]]
