"""Administration of limits on requests, tokens and cost, for the team, a group or a user."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, ScopePolicy
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.user import User
from lib.ui.admin import prices
from lib.ui.admin import scope as admin_scope
from lib.ui.auth import admin_action
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets.errors import flash_warning
from lib.ui.widgets.user_names import load_user_names

_LIMIT_NAMES = tuple(field.name for field in fields(Limits))
_THRESHOLDS = ("soft", "hard")
_MAX_DOLLARS, _MAX_AMOUNT = 1e9, 10**15


def render(_: User) -> None:
    """Render the limits of one scope as a form, and the limits of all scopes. Raises StoreError."""
    st.markdown(t("limits.about"))
    user_names = load_user_names()
    scope = admin_scope.select_scope(user_names, (TEAM_SCOPE, PER_USER_SCOPE))
    _render_form(scope, resources.policy().scopes.get(scope, ScopePolicy()).limits)
    if resources.policy().has_hard_cost_limit():
        prices.render_notice(prices.unpriced_models())
    admin_scope.render_policies(user_names, ("measure", *_THRESHOLDS), _policy_rows, t("limits.empty"))


def _render_form(scope: str, limits: Limits) -> None:
    # The keys depend on the stored limits: after another admin's change, new fields show it.
    key_prefix = f"limit-{scope}-{hash(limits)}"
    with st.form(f"limits-{scope}", border=True):
        if scope.startswith("person:"):
            st.caption(t("limits.own"))
        for limit_name in _LIMIT_NAMES:
            _render_fields(key_prefix, limit_name, getattr(limits, limit_name))
        args = (scope, key_prefix)
        st.form_submit_button(t("admin.save"), type="primary", on_click=_save_limits, args=args)


def _render_fields(key_prefix: str, limit_name: str, limit: Limit) -> None:
    is_cost = _is_cost(limit_name)
    options: dict[str, Any] = (
        {"min_value": 0.0, "max_value": _MAX_DOLLARS, "step": 1.0, "format": "%g"}
        if is_cost
        else {
            "min_value": 0,
            "max_value": _MAX_AMOUNT,
            "step": 1 if limit_name == "requests_minute" else 1000,
        }
    )
    for column, threshold in zip(st.columns(2), _THRESHOLDS, strict=True):
        amount, key = getattr(limit, threshold), f"{key_prefix}-{limit_name}-{threshold}"
        # Not the `value` argument: a field with one cannot be emptied.
        if not session_state.has_widget(key):
            value = amount / NANOS_PER_DOLLAR if is_cost and amount is not None else amount
            session_state.set_widget(key, value)
        label = t(f"limits.{threshold}", measure=t(f"limits.{limit_name}"))
        column.number_input(label, value=None, key=key, placeholder=t("limits.none"), **options)


def _is_cost(limit_name: str) -> bool:
    return limit_name.startswith("cost_")


@admin_action
def _save_limits(admin: User, scope: str, key_prefix: str) -> None:
    limits: dict[str, Limit] = {}
    for limit_name in _LIMIT_NAMES:
        soft, hard = (
            _parse_amount(limit_name, session_state.widget(f"{key_prefix}-{limit_name}-{threshold}"))
            for threshold in _THRESHOLDS
        )
        if any(amount is not None and amount < 0 for amount in (soft, hard)):
            flash_warning(t("limits.negative", measure=t(f"limits.{limit_name}")))
            return
        if soft is not None and hard is not None and soft > hard:
            flash_warning(t("limits.warning_above_block", measure=t(f"limits.{limit_name}")))
            return
        limits[limit_name] = Limit(soft, hard)
    resources.store().policy.set_limits(admin, scope, Limits(**limits))
    st.toast(t("admin.saved"), icon=":material/check:")


def _parse_amount(limit_name: str, value: float | None) -> int | None:
    """A field's value as it is stored: costs in nano-dollars."""
    if value is None:
        return None
    return int(Decimal(str(value)) * NANOS_PER_DOLLAR) if _is_cost(limit_name) else int(value)


def _policy_rows(policy: ScopePolicy) -> list[list[str]]:
    return [
        [t(f"limits.{limit_name}"), _format_amount(limit_name, limit.soft), _format_amount(limit_name, limit.hard)]
        for limit_name, limit in policy.limits.active_limits()
    ]


def _format_amount(limit_name: str, amount: int | None) -> str:
    if amount is None:
        return "–"
    return escape_markdown(format_dollars(amount)) if _is_cost(limit_name) else f"{amount:,}"
