"""Numbers of examples of slow property tests."""

from __future__ import annotations

from hypothesis import settings

DEEP_FACTOR = 20


def count_examples(default: int) -> int:
    """Return the number of examples by default, or many more with HYPOTHESIS_PROFILE=deep."""
    return default * DEEP_FACTOR if settings.get_current_profile_name() == "deep" else default
