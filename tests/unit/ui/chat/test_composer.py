"""Composer: the output limit of a retry."""

from __future__ import annotations

import pytest

from lib.core.params import FIELDS_BY_NAME, NumberRange
from lib.ui.chat import composer


@pytest.mark.parametrize(
    ("wire", "limit", "expected"),
    [("openai", 100, 200), ("openai", 900, 1000), ("anthropic", 100, 200), ("anthropic", 900, 1500)],
)
def test_a_retry_doubles_the_limit_up_to_the_maximum_of_the_selected_wire(wire, limit, expected, monkeypatch):
    ranges = (NumberRange(1, 1000), NumberRange(1, 1500))
    monkeypatch.setattr(
        type(FIELDS_BY_NAME["max_tokens"]),
        "range_for",
        lambda _, wire: ranges[0 if wire == "openai" else 1],
    )
    assert composer.doubled_output_limit(limit, wire) == expected
