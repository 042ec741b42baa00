"""Capabilities of a model and the age of a model list, as text."""

from __future__ import annotations

import pytest

from lib.core.models import Capabilities
from lib.ui.settings import models
from lib.ui.widgets import model_access


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (Capabilities(), "capabilities unknown"),
        (Capabilities(max_output_tokens=5, chat=True, vendor="M"), "capabilities unknown"),
        (Capabilities(200_000, 5, True, True, True), "200k context window · images · PDF · thinking"),
        (Capabilities(1_048_576, 5, True, False, False), "1M context window · images"),
        (Capabilities(4096, 5, False, False, False), "4k context window · text only"),
        (Capabilities(128_000, 5, False, None, True), "128k context window · thinking · unknown: PDF"),
        (Capabilities(None, None, True, None, False), "images · unknown: context window, PDF"),
        (Capabilities(9_999), "9k context window · unknown: images, PDF, thinking"),
    ],
)
def test_known_and_unknown_capabilities_are_listed(capabilities, expected):
    assert model_access.capabilities_text(capabilities) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "Updated just now"),
        (59, "Updated just now"),
        (60, "Updated 1 minute ago"),
        (3599, "Updated 60 minutes ago"),
        (3600, "Updated 1 hour ago"),
        (90_000, "Updated 1 day ago"),
    ],
)
def test_the_age_of_a_model_list_is_formatted(seconds, expected):
    assert models.format_age(seconds) == expected
