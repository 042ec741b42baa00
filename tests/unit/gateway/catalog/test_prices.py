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
from lib.core.pricing import ModelPrice, Price, PriceOverride, TeamPrice
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
    hour = {**litellm, "cache_creation_input_token_cost": 3e-06, "cache_creation_input_token_cost_above_1hr": 5e-06}
    assert prices.listed_price(hour) == Price(D("2.5"), D(10), None, D(3), cache_write_1h=D(5))
    online = {"pricing": {**openrouter["pricing"], "web_search": "0.005"}}
    assert prices.listed_price(online).per_search == D("0.005")
    by_size = {**litellm, "search_context_cost_per_query": {"search_context_size_medium": 0.035}}
    assert prices.listed_price(by_size).per_search == D("0.035")
    for entry_without_price in ({}, {"pricing": "cheap"}, {"pricing": {"prompt": "-1", "completion": "-1"}}):
        assert prices.listed_price(entry_without_price) is None
    body = json.dumps({"data": [{"id": "m", **openrouter}, {"id": "n"}]})
    assert catalog.parse_model_page(body)[0].prices == {"m": Price(D(3), D(15), D("0.3"))}


def parse_group(group: str, **fields) -> Price | None:
    body = {"group_ratio": {"default": 1, "vip": 0.5, "svip": 0.25}, **fields.pop("payload", {})}
    return prices.parse_price_list(json.dumps({"data": [entry(**fields)], **body}), group).get("m")


@pytest.mark.parametrize(
    ("group", "fields", "input_price", "applied_group"),
    [
        ("", {"enable_groups": ["default", "vip"]}, D("2.5"), "default"),
        ("vip", {"enable_groups": ["default", "vip"]}, D("1.25"), "vip"),
        ("svip", {"enable_groups": ["all"]}, D("0.625"), "svip"),
        ("svip", {"enable_groups": None}, D("0.625"), "svip"),
        ("vip", {"quota_type": 1, "model_price": 0.5, "enable_groups": ["vip"]}, D(0), "vip"),
        (
            "auto",
            {"enable_groups": ["vip", "svip"], "payload": {"auto_groups": ["default", "svip", "vip"]}},
            D("0.625"),
            "svip",
        ),
    ],
)
def test_price_of_the_configured_group(group, fields, input_price, applied_group):
    price = parse_group(group, **fields)
    assert (price.input, price.group) == (input_price, applied_group)
    assert price.per_request == (D("0.25") if "quota_type" in fields else D(0))
    assert price.cache_write in (None, price.input * D("1.25"))


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("vip", {"enable_groups": ["default"]}),
        ("vip", {"enable_groups": ["svip"]}),
        ("VIP", {"enable_groups": ["all"]}),
        ("gone", {"enable_groups": ["all"]}),
        ("gone", {"enable_groups": ["gone"]}),
        ("auto", {"enable_groups": ["vip"], "payload": {"auto_groups": ["default"]}}),
        ("auto", {"enable_groups": ["vip"], "payload": {"auto_groups": "vip"}}),
        ("vip", {"payload": {"group_ratio": {}}}),
        ("vip", {"payload": {"group_ratio": {"vip": "free"}}, "enable_groups": ["vip"]}),
    ],
)
def test_price_of_a_group_that_does_not_offer_the_model_is_unknown(group, fields):
    assert parse_group(group, **fields) is None


def test_name_of_a_group_can_be_shown():
    (price,) = prices.parse_price_list(
        '{"data":[{"model_name":"m","model_ratio":1,"completion_ratio":1,"enable_groups":["a\\n\\ud83d"]}],'
        '"group_ratio":{"a\\n\\ud83d":2}}'
    ).values()
    assert (price.input, price.group.encode()) == (D(4), "a \ufffd".encode())


def test_the_price_group_of_the_settings_is_used(replay):
    body = price_list_body(entry(enable_groups=["default", "vip"]), groups={"default": 1, "vip": 0.1})
    replay.serve("/api/pricing", Canned(body.encode(), headers=JSON))
    gateway = Gateway(Settings(api_key=KEY, base_url=replay.url, price_group="vip"))
    assert gateway.fetch_prices()["m"].input == D("0.25")
    assert KEY not in str(replay.requests[0])


def test_team_price_applies_after_gateway_and_library_and_before_the_settings():
    team = {name: TeamPrice(Price(D(5), D(6)), 1.0, "ann") for name in ("gpt-4o", "listed", "ours")}
    lookup = Prices(
        lambda: ModelList(prices={"listed": Price(D(1), D(1))}),
        [PriceOverride("*", Price(D(9), D(9)))],
        get_team_prices=lambda: team,
    )
    sources = {name: lookup.price_of(name).source for name in ("listed", "gpt-4o", "ours", "others")}
    assert sources == {"listed": "gateway", "gpt-4o": "library", "ours": "team", "others": "settings"}
    assert lookup.price_of("ours").base_price == Price(D(5), D(6))


def test_the_price_of_a_web_search_comes_from_the_first_source_that_states_it():
    listed = ModelList(prices={"m": Price(D(1), D(2)), "n": Price(D(1), D(2), per_search=D("0.02"))})
    team = {name: TeamPrice(Price(D(9), D(9), per_search=D("0.03")), 0.0, "a") for name in ("m", "n")}
    override = PriceOverride("*", Price(D(8), D(8), per_search=D("0.04")))
    assert Prices(lambda: listed, [override]).price_of("m").base_price == Price(D(1), D(2), per_search=D("0.04"))
    lookup = Prices(lambda: listed, [override], get_team_prices=lambda: team)
    assert lookup.price_of("m").base_price == Price(D(1), D(2), per_search=D("0.03"))
    assert lookup.price_of("n").base_price.per_search == D("0.02")
    assert Prices(lambda: listed).price_of("m").base_price.search_rate == D("0.01")


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
