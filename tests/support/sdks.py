"""The official SDKs, imported when a test first uses one.

They are half of what all tests import, and of several worker processes only those that use them need the time.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_NAMES = ("anthropic", "openai")


def __getattr__(name: str) -> ModuleType:
    if name not in _NAMES:
        raise AttributeError(name)
    return importlib.import_module(name)
