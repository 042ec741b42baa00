"""What a person may do: the models they may use, and, as an admin, what they settle for others."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from lib.core.policy import Policy, ScopePolicy
from lib.core.user import User
from lib.ui.auth import current_admin
from lib.ui.session import resources
from lib.ui.text.i18n import t
from lib.ui.widgets.errors import flash_warning, shows_errors

P = ParamSpec("P")
_PLACEHOLDER_USER = User("")


def is_model_allowed(user: User, model_id: str) -> bool:
    """Whether a person may use a model, as it is known on the screen; what is sent is judged anew."""
    return resources.policy().is_model_allowed(user, model_id)


def model_not_allowed_message(model_id: str) -> str:
    """Why a model cannot be chosen, in one sentence that is no Markdown."""
    return t("rights.model", model=model_id)


def match_patterns(patterns: tuple[str, ...] | None, model_ids: list[str]) -> list[str]:
    """Those of the models that patterns let through; None lets all."""
    tried_out = Policy({f"person:{_PLACEHOLDER_USER.id}": ScopePolicy(model_patterns=patterns)})
    return [model for model in model_ids if tried_out.is_model_allowed(_PLACEHOLDER_USER, model)]


def admin_action(action: Callable[Concatenate[User, P], None]) -> Callable[P, None]:
    """A callback that only an admin may begin; `action` gets who that is, and what it settles holds at once.

    A callback runs before its page has found out anew who is asking.
    """

    @wraps(action)
    def acting(*args: P.args, **kwargs: P.kwargs) -> None:
        if admin := current_admin():
            action(admin, *args, **kwargs)
            resources.policy.clear()
        else:
            flash_warning(t("admin.not_you"))

    return shows_errors(acting)
