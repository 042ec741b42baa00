"""Extra JSON: what decides about permission or cost is moved into the parameters, or not sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lib.core.extra_json import absorb_extra, extra_thinking_tokens, reserved_fields
from lib.core.params import Params

PANEL = Params(max_tokens=100, n=2, temperature=0.5)


def absorb(extra: Any, wire: str = "openai", params: Params = PANEL) -> tuple[Params, dict[str, Any]]:
    """Return the typed parameters without the extra JSON, and what is left of it."""
    absorbed = absorb_extra(wire, replace(params, extra=json.dumps(extra)))
    assert absorb_extra(wire, absorbed) == absorbed
    return replace(absorbed, extra=""), json.loads(absorbed.extra or "{}")


@pytest.mark.parametrize(
    "name",
    [
        *("model", "messages", "stream", "stream_options", "models", "fallbacks", "prompt", "input", "extra_headers"),
        # Go reads names without case, and folds the long s and the Kelvin sign.
        *("Model", "MODEL", "mODELS", "Meſſages", "ſtream", "fallbacKs"),
    ],
)
@pytest.mark.parametrize("value", ["gpt-expensive", None, {"a": 1}, ["b"]])
def test_reserved_fields_are_not_sent(name, value):
    params, rest = absorb({"top_k": 4, name: value})
    assert (params, rest) == (PANEL, {"top_k": 4})
    assert reserved_fields(replace(PANEL, extra=json.dumps({name: value, "seed": 1}))) == (name,)


@pytest.mark.parametrize("container", ["extra_body", "options", "generationConfig", "Extra_Body"])
def test_fields_inside_of_objects_that_gateways_unpack_count_too(container):
    extra = {container: {"model": "m", "Max_Tokens": 9, "n": 3, "thinking_config": {"include": True}}}
    params, rest = absorb(extra)
    assert params == replace(PANEL, max_tokens=9, n=3)
    assert rest == {container: {"thinking_config": {"include": True}}}
    assert reserved_fields(replace(PANEL, extra=json.dumps(extra))) == ("model",)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"max_tokens": 5000}, 5000),
        ({"max_completion_tokens": 5000}, 5000),
        ({"max_output_tokens": 5000}, 5000),
        ({"maxOutputTokens": 5000}, 5000),
        ({"MAX_TOKENS": 5000}, 5000),
        ({"max_tokens": 10, "max_completion_tokens": 5000}, 5000),
        ({"max_tokens": "5000"}, 5000),
        ({"max_tokens": 5000.9}, 5000),
        ({"max_tokens": "5e3"}, 5000),
        ({"max_tokens": 10**30}, 1_000_000),
        # Without a limit, the default of the request counts.
        ({"max_tokens": None}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": "nan"}, None),
        ({"max_tokens": "lots"}, None),
        ({"max_tokens": [7]}, None),
    ],
)
@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_output_limit_moves_into_the_parameters(wire, extra, expected):
    assert absorb(extra, wire) == (replace(PANEL, max_tokens=expected), {})


@pytest.mark.parametrize("name", ["n", "N", "best_of", "candidate_count", "candidateCount"])
def test_the_number_of_answers_moves_into_the_parameters(name):
    assert absorb({name: 7}) == (replace(PANEL, n=7), {})
    assert absorb({name: None}) == (replace(PANEL, n=None), {})
    # Anthropic's format has no such number, and gateways must not see one.
    assert absorb({name: 7}, "anthropic") == (PANEL, {})


@pytest.mark.parametrize(
    ("extra", "is_sent"),
    [
        ({"service_tier": "flex"}, True),
        ({"service_tier": "auto"}, True),
        ({"service_tier": "priority"}, False),
        ({"Service_Tier": "PRIORITY"}, False),
        ({"speed": "fast"}, False),
        ({"speed": "standard"}, True),
    ],
)
def test_what_multiplies_the_price_is_not_sent(extra, is_sent):
    assert absorb(extra) == (PANEL, extra if is_sent else {})


def test_the_caller_has_one_spelling():
    extra = {"User": "eve", "Metadata": {"User_ID": "eve", "team": "x"}, "Safety_Identifier": "eve"}
    assert absorb(extra)[1] == {"user": "eve", "metadata": {"user_id": "eve", "team": "x"}, "safety_identifier": "eve"}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"verbosity": "low", "top_k": 7},
        {"tools": [{"function": {"parameters": {"properties": {"model": {"type": "string"}, "n": {}}}}}]},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {"stream": {}}}}}},
        {"web_search_options": {"max_tokens": 5}, "mode": "l", "modelling": 1},
    ],
)
def test_other_fields_are_sent_as_they_are(extra):
    assert absorb(extra) == (PANEL, extra)
    assert reserved_fields(replace(PANEL, extra=json.dumps(extra))) == ()


def test_no_extra_json_changes_nothing():
    assert absorb_extra("openai", PANEL) is PANEL
    text = replace(PANEL, extra='{ "seed":  1 }')
    assert absorb_extra("openai", text) is text
    invalid = replace(PANEL, extra='{"max_tokens": 7')
    assert absorb_extra("openai", invalid) is invalid
    assert (reserved_fields(invalid), extra_thinking_tokens(invalid)) == ((), 0)


@pytest.mark.parametrize(
    ("extra", "tokens"),
    [
        ({}, 0),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, 9000),
        ({"reasoning": {"max_tokens": 8000}}, 8000),
        ({"thinking_budget": "7000"}, 7000),
        ({"extra_body": {"google": {"thinking_config": {"thinking_budget": 6000}}}}, 6000),
        ({"reasoning": {"effort": "high"}}, 0),
    ],
)
def test_thinking_beyond_the_output_limit_is_counted(extra, tokens):
    assert extra_thinking_tokens(Params(extra=json.dumps(extra))) == tokens
