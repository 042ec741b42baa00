"""Regeneration: the output limit of a retry."""

from __future__ import annotations

import pytest

from lib.core.models import Capabilities, Model
from lib.core.params import FIELDS_BY_NAME, NumberRange
from lib.core.target import Target
from lib.ui.composer import regeneration


@pytest.mark.parametrize(
    ("wire", "limit", "maximum", "expected"),
    [
        ("openai", 100, None, 200),
        ("openai", 900, None, 1000),
        ("anthropic", 100, None, 200),
        ("anthropic", 900, None, 1500),
        ("anthropic", 900, 1200, 1200),
        ("anthropic", 1200, 1200, 1200),
    ],
)
def test_a_retry_doubles_the_limit_up_to_the_maximum_of_wire_and_model(wire, limit, maximum, expected, monkeypatch):
    ranges = (NumberRange(1, 1000), NumberRange(1, 1500))
    monkeypatch.setattr(
        type(FIELDS_BY_NAME["max_tokens"]),
        "range_for",
        lambda _, wire: ranges[0 if wire == "openai" else 1],
    )
    model = Model("m", (wire,), capabilities=Capabilities(max_output_tokens=maximum))
    monkeypatch.setattr(regeneration.services, "model", lambda _: model)
    assert regeneration.doubled_output_limit(limit, Target("m", wire)) == expected
