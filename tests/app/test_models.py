"""What is known of a model, in words."""

from __future__ import annotations

import pytest

from lib.core.models import Capabilities
from lib.ui.settings import models


@pytest.mark.parametrize(
    ("abilities", "words"),
    [
        (Capabilities(), "abilities unknown"),
        (Capabilities(max_output_tokens=5, chat=True, vendor="M"), "abilities unknown"),
        (Capabilities(200_000, 5, True, True, True), "200k context · images · PDF · thinking"),
        (Capabilities(1_048_576, 5, True, False, False), "1M context · images"),
        (Capabilities(4096, 5, False, False, False), "4k context · text only"),
        (Capabilities(128_000, 5, False, None, True), "128k context · thinking · PDF unknown"),
        (Capabilities(None, None, True, None, False), "images · context, PDF unknown"),
        (Capabilities(9_999), "9k context · images, PDF, thinking unknown"),
    ],
)
def test_what_is_known_is_said_and_what_is_not(abilities, words):
    assert models.capabilities_text(abilities) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "as of just now"),
        (59, "as of just now"),
        (60, "as of 1 minute ago"),
        (3599, "as of 59 minutes ago"),
        (3600, "as of 1 hour ago"),
        (90_000, "as of 25 hours ago"),
    ],
)
def test_the_age_of_a_list(seconds, words):
    assert models.format_age(seconds) == words
