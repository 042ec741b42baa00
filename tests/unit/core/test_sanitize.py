"""Sanitizing of texts."""

import pytest

from lib.core.sanitize import is_blank


@pytest.mark.parametrize("text", ["", " \t\n", "\u3000\u00a0", "\u200b\u200d\ufeff", "\x00\x1b", "\u00ad\u200e\u2028"])
def test_a_text_of_invisible_characters_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "\u200b1", "\n问", "\U0001f468\u200d\U0001f469", "\ud83d", "\U0010ffff"])
def test_a_text_with_a_visible_character_is_not_blank(text: str) -> None:
    assert not is_blank(text)
