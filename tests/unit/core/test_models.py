"""Models in groups, in order, and found by words."""

from __future__ import annotations

import pytest

from lib.core.models import Capabilities, Model, filter_models, group_by_vendor


def model(name: str, maker: str = "", shown: str = "") -> Model:
    return Model(name, ("openai",), shown, Capabilities(vendor=maker))


MODELS = [
    model("house"),
    model("gpt-10", "OpenAI"),
    model("gpt-4o", "OpenAI"),
    model("GPT-4.1", "OpenAI"),
    model("claude-x", "Anthropic", "Claude the Tenth"),
    model("grok", "xAI"),
    model("4711"),
]


def test_groups_stand_by_makers_name_and_the_rest_comes_last():
    groups = [(maker, [model.id for model in group]) for maker, group in group_by_vendor(MODELS)]
    assert groups == [
        ("Anthropic", ["claude-x"]),
        ("OpenAI", ["GPT-4.1", "gpt-4o", "gpt-10"]),
        ("xAI", ["grok"]),
        ("", ["house", "4711"]),
    ]


def test_the_order_does_not_hang_on_the_gateways():
    known = [model for model in MODELS if model.capabilities.vendor]
    assert group_by_vendor(reversed(known)) == group_by_vendor(known)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [model.id for model in MODELS]),
        ("  gpt ", ["gpt-10", "gpt-4o", "GPT-4.1"]),
        ("OPENAI 4", ["gpt-4o", "GPT-4.1"]),
        ("tenth", ["claude-x"]),
        ("gpt claude", []),
    ],
)
def test_a_search_wants_every_word_in_id_name_or_maker(words, found):
    assert [model.id for model in filter_models(MODELS, words)] == found
