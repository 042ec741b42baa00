"""Sanitizing of texts that would load an image."""

from __future__ import annotations

import pytest

from lib.ui.markdown.sanitize import sanitize
from tests.support.hostile_markdown import HOSTILE_TEXTS


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_text_that_loads_an_image_is_changed(text):
    assert sanitize(text) != text
