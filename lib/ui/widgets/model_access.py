"""What a person may do: the models they may use, and, as an admin, what they settle for others."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from lib.core.policy import Policy, Rule
from lib.core.user import Person
from lib.ui.auth import require
from lib.ui.session import resources
from lib.ui.text.i18n import t
from lib.ui.widgets.errors import refuse, tried

P = ParamSpec("P")
_ANYBODY = Person("")


def may(person: Person, model: str) -> bool:
    """Whether a person may use a model, as it is known on the screen; what is sent is judged anew."""
    return resources.policy().may(person, model)


def why_not(model: str) -> str:
    """Why a model cannot be chosen, in one sentence that is no Markdown."""
    return t("rights.model", model=model)


def fitting(patterns: tuple[str, ...] | None, models: list[str]) -> list[str]:
    """Those of the models that patterns let through; None lets all."""
    tried_out = Policy({f"person:{_ANYBODY.id}": Rule(models=patterns)})
    return [model for model in models if tried_out.may(_ANYBODY, model)]


def settling(action: Callable[Concatenate[Person, P], None]) -> Callable[P, None]:
    """A callback that only an admin may begin; `action` gets who that is, and what it settles holds at once.

    A callback runs before its page has found out anew who is asking.
    """

    @wraps(action)
    def acting(*args: P.args, **kwargs: P.kwargs) -> None:
        if admin := require.still_admin():
            action(admin, *args, **kwargs)
            resources.policy.clear()
        else:
            refuse(t("admin.not_you"))

    return tried(acting)
