"""Prices: read from the lists that gateways have, kept from models.dev, set by hand; never made up."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as some

from lib.config.settings import Settings
from lib.core import errors
from lib.core.models import Model, ModelList
from lib.core.pricing import ModelPrice, Price, PriceOverride
from lib.gateway.catalog import models as catalog
from lib.gateway.catalog import prices
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay, soon

D = Decimal
KEY = "sk-4be2d7f09a6c"


def entry(**more) -> dict:
    usual = {"model_name": "m", "quota_type": 0, "model_ratio": 1.25, "model_price": 0, "completion_ratio": 4}
    return {**usual, "enable_groups": ["default"], **more}


def listed(*entries, groups: object = None) -> str:
    return json.dumps({"success": True, "data": list(entries), "group_ratio": groups or {"default": 1}})


def one(groups: object = None, **more) -> Price | None:
    return prices.parse_price_list(listed(entry(**more), groups=groups)).get("m")


def test_ratios_are_dollars_for_a_million_tokens():
    assert one() == Price(D("2.5"), D(10), None, D("3.125"))
    told = one(cache_ratio=0.1, create_cache_ratio=1)
    assert told == Price(D("2.5"), D(10), D("0.25"), D("2.5"))


def test_a_model_can_be_paid_by_the_request():
    assert one(quota_type=1, model_price=0.04) == Price(D(0), D(0), request=D("0.04"))


@pytest.mark.parametrize(
    ("groups", "mine", "factor"),
    [
        ({"default": 0.5, "vip": 0.4}, ["vip", "default"], D("0.5")),
        ({"default": 1, "vip": 0.4}, ["vip"], D("0.4")),
        ({"default": 2}, ["all"], D(2)),
        ({"plg": 0.9}, [], D("0.9")),
    ],
)
def test_the_group_has_its_part_in_the_price(groups, mine, factor):
    assert one(groups, enable_groups=mine).input == D("2.5") * factor


@pytest.mark.parametrize(
    "more",
    [
        {"enable_groups": ["vip", "svip"]},
        {"enable_groups": ["elsewhere"]},
        {"billing_expr": "tier(x)"},
        {"model_ratio": 0},
        {"completion_ratio": 0},
        {"model_ratio": -1},
        {"model_ratio": "much"},
        {"quota_type": 1, "model_price": 0},
    ],
)
def test_what_cannot_be_told_is_unknown_and_not_nothing(more):
    assert one({"default": 1, "vip": 0.5, "svip": 0.4}, **more) is None


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "{}", '{"data": {}}', '{"success":false}', "[" * 99_999]
)
def test_what_is_no_price_list_is_refused(body):
    with pytest.raises(errors.InvalidResponse):
        prices.parse_price_list(body)


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = some.sampled_from(sorted(entry()) + ["cache_ratio", "create_cache_ratio", "pricing", "prompt"])


@given(some.lists(some.dictionaries(fields, anything, max_size=6), max_size=3), anything)
def test_any_list_is_read_or_refused(entries, groups):
    body = json.dumps({"data": entries, "group_ratio": groups})
    try:
        found = prices.parse_price_list(body)
    except errors.InvalidResponse:
        return
    assert all(price.input >= 0 and price.output >= 0 for price in found.values())
    assert all(price.input or price.output or price.request for price in found.values())


def test_lists_of_models_can_tell_prices_by_the_token():
    openrouter = {"pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "3e-7"}}
    assert prices.listed_price(openrouter) == Price(D(3), D(15), D("0.3"))
    litellm = {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}
    assert prices.listed_price(litellm) == Price(D("2.5"), D(10))
    for nothing in ({}, {"pricing": "cheap"}, {"pricing": {"prompt": "-1", "completion": "-1"}}):
        assert prices.listed_price(nothing) is None
    body = json.dumps({"data": [{"id": "m", **openrouter}, {"id": "n"}]})
    assert catalog.parse_model_page(body).prices == {"m": Price(D(3), D(15), D("0.3"))}


def test_models_dev_knows_what_makers_ask_whatever_the_id_is_dressed_in():
    plain = prices.library_price("gpt-4o")
    assert plain == ModelPrice(Price(D("2.5"), D(10), D("1.25")), "library")
    for dressed in ("openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06"):
        assert prices.library_price(dressed) == plain
    haiku = prices.library_price("claude-3-5-haiku-20241022").base_price
    assert (haiku.cached, haiku.written) == (D("0.08"), D(1))
    assert prices.library_price("nobody-knows-this") is None


def test_models_dev_has_a_price_of_its_own_for_what_is_long():
    books = [
        tariff for book in prices._library_prices() for tariff in book.values() if tariff.long_context_price
    ]
    assert books
    assert all(tariff.price_for(10**6) == tariff.long_context_price for tariff in books)
    assert all(
        tariff.base_price.input and tariff.base_price.output
        for book in prices._library_prices()
        for tariff in book.values()
    )


def test_the_gateway_goes_first_then_the_maker_then_the_settings():
    own, mine = Price(D(1), D(1)), Price(D(9), D(9))
    known = Prices(lambda: ModelList(prices={"gpt-4o": own}), [PriceOverride("*", mine)])
    assert known.price_of("gpt-4o") == ModelPrice(own, "gateway")
    assert known.price_of("gpt-4o-mini") == prices.library_price("gpt-4o-mini")
    assert known.price_of("ours") == ModelPrice(mine, "settings")
    assert Prices(ModelList).price_of("ours") is None


def test_a_sellers_own_name_for_a_model_has_its_makers_price():
    assert prices.library_price("us.anthropic.claude-3-5-haiku-20241022-v1:0") == prices.library_price(
        "claude-3-5-haiku-20241022"
    )


def test_a_gateways_list_is_asked_for_without_the_key():
    with Replay() as replay:
        replay.serve("/api/pricing", Canned(listed(entry()).encode(), headers=JSON))
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        assert gateway.fetch_prices() == {"m": Price(D("2.5"), D(10), None, D("3.125"))}
        gateway.close()
        (request,) = replay.requests
    assert KEY not in str(request.headers) + request.path


def test_prices_come_behind_the_models_and_stay_when_the_list_fails():
    told = {"m": Price(D(1), D(1))}
    answers: list = [errors.EndpointNotFound("", status=404), told, errors.RequestTimeout("silent")]
    asked = threading.Semaphore(0)

    def price_list():
        answer = answers.pop(0)
        asked.release()
        if isinstance(answer, Exception):
            raise answer
        return answer

    models = Catalog(lambda: ModelList((Model("m", ("openai",)),)), price_list)
    for expected in ({}, told, told):
        models.invalidate()
        assert models.model_list(60).models
        assert asked.acquire(timeout=20)
        assert soon(lambda expected=expected: models.cached_model_list.prices == expected)


def test_the_demo_tells_what_it_takes():
    server = FakeGateway(pace=200)
    gateway = Gateway(Settings(base_url=server.url))
    found = gateway.fetch_prices()
    gateway.close()
    assert found["demo-tour"] == Price(D(1), D(4), D("0.1"), D("1.25"))
    assert "demo-echo" not in found
    assert requests.post(server.url + "/api/pricing", timeout=20).status_code == 405
    server.close()
