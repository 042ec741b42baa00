"""Grouping, order and search of models."""

from __future__ import annotations

import pytest

from lib.core.models import Capabilities, Model, ModelList, filter_models, group_by_vendor


def model(name: str, vendor: str = "", display_name: str = "") -> Model:
    return Model(name, ("openai",), display_name, Capabilities(vendor=vendor))


MODELS = [
    model("house"),
    model("gpt-10", "OpenAI"),
    model("gpt-4o", "OpenAI"),
    model("GPT-4.1", "OpenAI"),
    model("claude-x", "Anthropic", "Claude the Tenth"),
    model("grok", "xAI"),
    model("4711"),
]


def test_groups_are_ordered_by_vendor_with_unknown_vendors_last():
    groups = [(vendor, [model.id for model in group]) for vendor, group in group_by_vendor(MODELS)]
    assert groups == [
        ("Anthropic", ["claude-x"]),
        ("OpenAI", ["GPT-4.1", "gpt-4o", "gpt-10"]),
        ("xAI", ["grok"]),
        ("", ["house", "4711"]),
    ]


def test_the_order_is_independent_of_the_gateway():
    models = [model for model in MODELS if model.capabilities.vendor]
    assert group_by_vendor(reversed(models)) == group_by_vendor(models)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [model.id for model in MODELS]),
        ("  gpt ", ["gpt-10", "gpt-4o", "GPT-4.1"]),
        ("OPENAI 4", ["gpt-4o", "GPT-4.1"]),
        ("tenth", ["claude-x"]),
        ("gpt claude", []),
    ],
)
def test_search_matches_every_word_in_id_name_or_vendor(query, expected):
    assert [model.id for model in filter_models(MODELS, query)] == expected


def test_a_list_finds_its_models_by_id_and_sorts_their_ids_by_vendor():
    first, second = Model("m", ("openai",)), Model("m", ("anthropic",))
    models = ModelList((*MODELS, first, second))
    assert models.by_id["m"] is first
    assert "gone" not in models.by_id
    assert list(models.ids_by_vendor) == [model.id for _, group in group_by_vendor(models.models) for model in group]
