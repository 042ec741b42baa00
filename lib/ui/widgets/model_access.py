"""Text about models: access by the team's policy, description, and capabilities."""

from __future__ import annotations

from datetime import UTC, datetime

from lib.core.models import Capabilities, Model
from lib.core.user import User
from lib.ui.session import resources, services
from lib.ui.text import current_language, dates, t


def is_model_allowed(user: User, model_id: str) -> bool:
    """Tell if the policy allows a user the model, for the screen; a turn checks it again."""
    return resources.policy().is_model_allowed(user, model_id)


def model_not_allowed_message(model_id: str) -> str:
    """Return the reason that a model cannot be selected, without Markdown."""
    return t("permissions.model_not_allowed", model=model_id)


def description_text(model: Model) -> str:
    """Return the description of a model in the gateway's list; of the demo's, in the language of the page.

    The list is fetched once for all users.
    """
    demo_text = resources.describe_demo_model(model.id, current_language()) if services.is_demo() else ""
    return demo_text or model.description


def capabilities_text(capabilities: Capabilities, *, makes_images: bool = False) -> str:
    """Return the capabilities of a model in one line, and those that are unknown."""
    if makes_images:
        return " · ".join(filter(None, (t("capabilities.makes_images"), retirement_text(capabilities))))
    facts = {name: getattr(capabilities, name) for name in ("image", "pdf", "thinking")}
    unknown = [t(f"capabilities.{name}") for name, value in facts.items() if value is None]
    retirement = retirement_text(capabilities)
    if capabilities.context_window is None and len(unknown) == len(facts):
        return " · ".join(filter(None, (t("capabilities.unknown"), retirement)))
    if capabilities.context_window is None:
        unknown.insert(0, t("capabilities.window"))
    parts = (
        [t("capabilities.context", size=format_context_size(capabilities.context_window))]
        if capabilities.context_window
        else []
    )
    parts += [t(f"capabilities.{name}") for name, value in facts.items() if value]
    parts += [t(f"capabilities.{name}") for name in ("tools", "web_search") if getattr(capabilities, name)]
    if all(value is False for value in facts.values()):
        parts.append(t("capabilities.text"))
    if unknown:
        parts.append(t("capabilities.not_known", capabilities=t("list.separator").join(unknown)))
    return " · ".join([*parts, retirement] if retirement else parts)


def retirement_text(capabilities: Capabilities) -> str:
    """Return the day of retirement, or that the model is deprecated; "" for any other model."""
    day = capabilities.retires_at
    if day is None:
        return t("capabilities.deprecated") if capabilities.is_deprecated else ""
    # A day in the past is overdue: the model still works, but may end at any moment.
    key = "retires" if day >= datetime.now(UTC).date() else "retirement_due"
    return t(f"capabilities.{key}", day=dates.format_day(day))


def format_context_size(tokens: int) -> str:
    """Format a context window: 200k, 1.5M."""
    return f"{tokens // 100_000 / 10:g}M" if tokens >= 1_000_000 else f"{tokens // 1000}k"
