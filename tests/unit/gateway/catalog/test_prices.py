"""Prices: from gateways' lists, models.dev and settings, and unknown rather than wrong."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from lib.config.settings import Settings
from lib.core import errors
from lib.core.models import ModelList
from lib.core.pricing import ModelPrice, Price, PriceOverride
from lib.gateway.catalog import models as catalog
from lib.gateway.catalog import prices
from lib.gateway.catalog.library import package_library
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay

D = Decimal
KEY = "sk-4be2d7f09a6c"


def entry(**fields) -> dict:
    defaults = {
        "model_name": "m",
        "quota_type": 0,
        "model_ratio": 1.25,
        "model_price": 0,
        "completion_ratio": 4,
    }
    return {**defaults, "enable_groups": ["default"], **fields}


def price_list_body(*entries, groups: object = None) -> str:
    return json.dumps({"success": True, "data": list(entries), "group_ratio": groups or {"default": 1}})


def parse_one(groups: object = None, **fields) -> Price | None:
    return prices.parse_price_list(price_list_body(entry(**fields), groups=groups)).get("m")


def test_ratios_are_converted_to_dollars_per_million_tokens():
    assert parse_one() == Price(D("2.5"), D(10), None, D("3.125"))
    assert parse_one(cache_ratio=0.1, create_cache_ratio=1) == Price(D("2.5"), D(10), D("0.25"), D("2.5"))


def test_price_per_request():
    assert parse_one(quota_type=1, model_price=0.04) == Price(D(0), D(0), per_request=D("0.04"))


@pytest.mark.parametrize(
    ("groups", "model_groups", "factor"),
    [
        ({"default": 0.5, "vip": 0.4}, ["vip", "default"], D("0.5")),
        ({"default": 1, "vip": 0.4}, ["vip"], D("0.4")),
        ({"default": 2}, ["all"], D(2)),
        ({"plg": 0.9}, [], D("0.9")),
    ],
)
def test_group_ratio_is_applied(groups, model_groups, factor):
    assert parse_one(groups, enable_groups=model_groups).input == D("2.5") * factor


@pytest.mark.parametrize(
    "fields",
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
def test_undetermined_price_is_unknown_and_not_zero(fields):
    assert parse_one({"default": 1, "vip": 0.5, "svip": 0.4}, **fields) is None


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"data": {}}', '{"success":false}', "[" * 99_999])
def test_body_without_a_list_is_an_invalid_response(body):
    with pytest.raises(errors.InvalidResponse):
        prices.parse_price_list(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(sorted(entry()) + ["cache_ratio", "create_cache_ratio", "pricing", "prompt"])


@given(st.lists(st.dictionaries(field_names, json_values, max_size=6), max_size=3), json_values)
def test_arbitrary_list_is_parsed_or_rejected(entries, groups):
    body = json.dumps({"data": entries, "group_ratio": groups})
    try:
        result = prices.parse_price_list(body)
    except errors.InvalidResponse:
        return
    assert all(price.input >= 0 and price.output >= 0 for price in result.values())
    assert all(price.input or price.output or price.request for price in result.values())


def test_prices_per_token_in_model_lists():
    openrouter = {"pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "3e-7"}}
    assert prices.listed_price(openrouter) == Price(D(3), D(15), D("0.3"))
    litellm = {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}
    assert prices.listed_price(litellm) == Price(D("2.5"), D(10))
    for entry_without_price in ({}, {"pricing": "cheap"}, {"pricing": {"prompt": "-1", "completion": "-1"}}):
        assert prices.listed_price(entry_without_price) is None
    body = json.dumps({"data": [{"id": "m", **openrouter}, {"id": "n"}]})
    assert catalog.parse_model_page(body)[0].prices == {"m": Price(D(3), D(15), D("0.3"))}


def test_gateway_price_wins_over_library_over_settings():
    gateway_price, override_price = Price(D(1), D(1)), Price(D(9), D(9))
    lookup = Prices(lambda: ModelList(prices={"gpt-4o": gateway_price}), [PriceOverride("*", override_price)])
    assert lookup.price_of("gpt-4o") == ModelPrice(gateway_price, "gateway")
    assert lookup.price_of("gpt-4o-mini") == package_library().price_of("gpt-4o-mini")
    assert lookup.price_of("ours") == ModelPrice(override_price, "settings")
    assert Prices(ModelList).price_of("ours") is None


def test_price_list_is_fetched_without_the_key():
    with Replay() as replay:
        replay.serve("/api/pricing", Canned(price_list_body(entry()).encode(), headers=JSON))
        gateway = Gateway(Settings(api_key=KEY, base_url=replay.url))
        assert gateway.fetch_prices() == {"m": Price(D("2.5"), D(10), None, D("3.125"))}
        gateway.close()
        (request,) = replay.requests
    assert KEY not in str(request.headers) + request.path


def test_demo_has_a_price_list():
    server = FakeGateway(pace=200)
    gateway = Gateway(Settings(base_url=server.url))
    result = gateway.fetch_prices()
    gateway.close()
    assert result["demo-tour"] == Price(D(1), D(4), D("0.1"), D("1.25"))
    assert "demo-echo" not in result
    assert requests.post(server.url + "/api/pricing", timeout=20).status_code == 405
    server.close()
