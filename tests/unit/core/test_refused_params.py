"""Refused parameters: what is left out of a body, and which fields can be learnt."""

from typing import Any

import pytest

from lib.core.refused_params import (
    RefusedParam,
    has_field,
    is_learnable,
    leave_out,
    param_of_field,
    removable_field,
)
from lib.core.target import Target, Wire


def refuse(field: str, beside: str = "", wire: Wire = "openai") -> RefusedParam:
    return RefusedParam(Target("m", wire), field, beside)


@pytest.mark.parametrize(
    ("body", "refused", "expected"),
    [
        ({"model": "m", "temperature": 0.5}, [refuse("temperature")], {"model": "m"}),
        ({"model": "m"}, [refuse("temperature")], {"model": "m"}),
        ({"temperature": 0.5, "top_p": 0.5}, [refuse("top_p", "temperature")], {"temperature": 0.5}),
        ({"top_p": 0.5}, [refuse("top_p", "temperature")], {"top_p": 0.5}),
        ({"output_config": {"effort": "low"}}, [refuse("output_config.effort")], {}),
        (
            {"output_config": {"effort": "low", "format": {}}},
            [refuse("output_config.effort")],
            {"output_config": {"format": {}}},
        ),
        # The limit of the answer keeps its value.
        ({"max_tokens": 9}, [refuse("max_tokens")], {"max_completion_tokens": 9}),
        ({"max_completion_tokens": 9}, [refuse("max_completion_tokens")], {"max_tokens": 9}),
        ({"max_tokens": 9}, [refuse("max_tokens"), refuse("max_completion_tokens")], {}),
        (
            {"max_tokens": 9, "max_completion_tokens": 8},
            [refuse("max_tokens", "max_completion_tokens")],
            {"max_completion_tokens": 8},
        ),
    ],
)
def test_leave_out(body: dict[str, Any], refused: list[RefusedParam], expected: dict[str, Any]) -> None:
    before = repr(body)
    result, applied = leave_out(body, refused)
    assert result == expected
    assert repr(body) == before
    assert bool(applied) is (result != body)


@pytest.mark.parametrize(
    ("wire", "field", "expected"),
    [
        ("openai", "temperature", True),
        ("openai", "stream_options", True),
        ("openai", "max_tokens", True),
        ("anthropic", "thinking.display", True),
        ("anthropic", "metadata.user_id", True),
        ("anthropic", "max_tokens", False),
        ("openai", "model", False),
        ("openai", "messages", False),
        ("anthropic", "system", False),
        ("openai", "anything_of_a_user", False),
        ("openai", "", False),
    ],
)
def test_only_fields_of_the_formats_are_learnt(wire: Wire, field: str, expected: bool) -> None:
    assert is_learnable(wire, field) is expected


@pytest.mark.parametrize(
    ("wire", "field", "param"),
    [
        ("openai", "temperature", "temperature"),
        ("openai", "reasoning_effort", "effort"),
        ("openai", "max_completion_tokens", "max_tokens"),
        ("anthropic", "stop_sequences", "stop"),
        ("anthropic", "output_config.effort", "effort"),
        ("anthropic", "thinking.budget_tokens", "budget"),
        ("openai", "stream_options", ""),
        ("openai", "", ""),
    ],
)
def test_param_of_a_field(wire: Wire, field: str, param: str) -> None:
    assert param_of_field(wire, field) == param


def test_objects_that_make_no_sense_without_a_field_go_as_a_whole() -> None:
    assert removable_field("thinking.budget_tokens") == "thinking"
    assert removable_field("thinking.display") == "thinking.display"
    assert removable_field("response_format.json_schema") == "response_format"
    assert removable_field("output_config.effort") == "output_config.effort"


def test_has_field() -> None:
    assert has_field({"a": {"b": None}}, "a.b")
    assert not has_field({"a": 1}, "a.b")
