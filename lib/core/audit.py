"""Who did what and when, without a word of what anybody said: Act, Known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

KEPT = 400 * 86_400.0  # seconds for which an act is kept

Action = Literal[
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "export",
    "import",
    "share",
    "revoke",
    "delete",
    "delete_turn",
    "erase",
    "limits",
    "models",
    "default",
    "prompt",
    "prompt_deleted",
    "put_out",
    "usage_of_all",
]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True)
class Act:
    """One act, at `at` seconds since 1970, of the person `actor`, whose name was `name` then.

    `object` is an id, a scope or a place, `detail` holds counts and amounts; neither holds content.
    """

    id: str
    at: float
    actor: str
    name: str
    action: str
    object: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
