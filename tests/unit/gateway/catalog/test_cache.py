"""Cache of models and prices: background refresh, age, failures."""

import threading
from decimal import Decimal

from lib.core import errors
from lib.core.models import Model, ModelList
from lib.core.pricing import Price
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.library import Library
from tests.support.replay import soon


class FakeFetch:
    """A fetch function that returns its `answer`, or raises it."""

    def __init__(self, answer: ModelList | Exception) -> None:
        self.answer = answer

    def __call__(self) -> ModelList:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


MODEL_LIST = ModelList((Model("m-one", ("openai",)),), hidden_count=3)


def test_fetched_list_has_a_timestamp() -> None:
    result = Catalog(FakeFetch(MODEL_LIST)).model_list(60)
    assert (result.models, result.hidden_count, result.error_code, result.is_unsupported) == (
        MODEL_LIST.models,
        3,
        "",
        False,
    )
    assert result.fetched_at is not None


def test_failed_refresh_keeps_the_cached_list() -> None:
    fetch = FakeFetch(MODEL_LIST)
    cache = Catalog(fetch)
    before = cache.model_list(60)
    fetch.answer = errors.RequestTimeout("silent")
    cache.invalidate()
    after = cache.model_list(60)
    assert (after.models, after.fetched_at, after.error_code) == (
        before.models,
        before.fetched_at,
        "timed_out",
    )
    fetch.answer = ModelList()
    cache.invalidate()
    assert cache.model_list(60).error_code == ""


def test_failed_first_fetch_has_no_timestamp() -> None:
    result = Catalog(FakeFetch(errors.KeyRejected("no"))).model_list(60)
    assert result == ModelList(error_code="key_refused")


def test_missing_endpoint_is_unsupported() -> None:
    result = Catalog(FakeFetch(errors.EndpointNotFound("", status=404))).model_list(60)
    assert (result.is_unsupported, result.models, result.error_code) == (True, (), "not_offered")


def test_only_the_first_call_waits() -> None:
    release = threading.Event()

    def fetch_slowly() -> ModelList:
        release.wait(60)
        return MODEL_LIST

    cache = Catalog(fetch_slowly)
    assert cache.model_list(0.01) == ModelList()
    assert cache.model_list(3600) == ModelList()
    release.set()
    cache.invalidate()
    assert cache.model_list(60).models == MODEL_LIST.models


def test_prices_are_fetched_after_the_models_and_kept_on_failure() -> None:
    prices_by_model = {"m": Price(Decimal(1), Decimal(1))}
    answers: list = [
        errors.EndpointNotFound("", status=404),
        prices_by_model,
        errors.RequestTimeout("silent"),
    ]
    fetched = threading.Semaphore(0)

    def fetch_prices():
        answer = answers.pop(0)
        fetched.release()
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = Catalog(lambda: ModelList((Model("m", ("openai",)),)), fetch_prices)
    for expected in ({}, prices_by_model, prices_by_model):
        cache.invalidate()
        assert cache.model_list(60).models
        assert fetched.acquire(timeout=20)
        assert soon(lambda expected=expected: cache.cached_model_list.prices == expected)


def test_newer_library_expires_the_list() -> None:
    libraries = [Library({}), Library({})]
    fetched: list[Library] = []

    def fetch() -> ModelList:
        fetched.append(libraries[0])
        return MODEL_LIST

    cache = Catalog(fetch, get_library=lambda: libraries[0])
    cache.model_list(60)
    cache.model_list(60)
    assert len(fetched) == 1
    newer = libraries.pop()
    libraries[0] = newer
    cache.model_list(60)
    assert soon(lambda: fetched[1:] == [newer])


def test_prices_are_waited_for_and_a_missing_list_is_no_wait() -> None:
    released = threading.Event()

    def fetch_prices() -> dict[str, Price]:
        released.wait(20)
        return {"m-one": Price(Decimal(1), Decimal(2))}

    cache = Catalog(FakeFetch(MODEL_LIST), fetch_prices)
    assert cache.model_list(60).prices == {}
    threading.Timer(0.05, released.set).start()
    assert cache.model_list_with_prices(60).prices == {"m-one": Price(Decimal(1), Decimal(2))}

    def fail() -> dict[str, Price]:
        raise errors.EndpointNotFound("", status=404)

    assert Catalog(FakeFetch(MODEL_LIST), fail).model_list_with_prices(60).models == MODEL_LIST.models


def test_a_failure_is_logged_once_until_another_outcome(caplog) -> None:
    refusal = errors.KeyRejected("no", status=401)
    fetch = FakeFetch(refusal)
    cache = Catalog(fetch)
    for outcome in (refusal, refusal, errors.InvalidResponse("<html>"), MODEL_LIST, refusal):
        fetch.answer = outcome
        cache.invalidate()
        cache.model_list(60)
        cache.note_outcome(outcome if isinstance(outcome, errors.AnswerError) else None)
    codes = [record.args[0] for record in caplog.records if record.levelname == "WARNING"]
    assert codes == ["key_refused", "unreadable", "key_refused"]
