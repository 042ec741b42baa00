"""Patterns that are compiled at their first use."""

import re

import pytest

from lib.core.patterns import compile_later


def test_pattern_is_compiled_once_at_its_first_use():
    broken = compile_later("(")
    with pytest.raises(re.error):
        broken()
    pattern = compile_later("a+", re.IGNORECASE)
    assert pattern().findall("aAb") == ["aA"]
    assert pattern() is pattern()
