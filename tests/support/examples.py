"""Numbers of examples of property tests that have a number of their own."""

from __future__ import annotations

from hypothesis import settings

# By the profile: as with the numbers of the profiles, half of the examples outside of CI.
FACTORS = {"default": 0.5, "ci": 1, "deep": 20}


def count_examples(in_ci: int) -> int:
    """Return the number of examples in this profile for one in CI."""
    return int(in_ci * FACTORS[settings.get_current_profile_name()])
