"""Names of models: normalized ids, and look-ups by the likeliest name."""

import pytest

from lib.gateway.catalog.model_names import find_by_model_id, group_by_name, normalize_model_id


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("Claude-Sonnet-4.5", "claude-sonnet-4-5"),
        ("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("gpt-4o-v2", "gpt-4o-v2"),
        (" m ", "m"),
        ("", ""),
    ],
)
def test_normalized_id(model_id: str, name: str) -> None:
    assert normalize_model_id(model_id) == name


def test_first_index_with_the_likeliest_name_wins() -> None:
    indexes = ({"gpt-7": 1}.get, {"gpt-7-high": 2, "o9": 3}.get)
    assert [find_by_model_id(indexes, model_id) for model_id in ("gpt-7-high", "O9", "gpt-8")] == [1, 3, None]


def test_values_by_name_and_by_undated_name() -> None:
    exact, undated = group_by_name([("m-20260101", 1), ("m", 2), ("m-latest", 3)])
    assert exact == {"m-20260101": [1], "m": [2], "m-latest": [3]}
    assert undated == {"m": [1, 2, 3]}
