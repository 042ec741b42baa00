"""Limits of requests, tokens and money, for everybody together, a group or a person."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, ScopePolicy
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.user import User
from lib.ui.admin import scope as admin_scope
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import table
from lib.ui.widgets.errors import flash_warning
from lib.ui.widgets.model_access import admin_action

_LIMIT_NAMES = tuple(field.name for field in fields(Limits))
_THRESHOLDS = ("soft", "hard")
_MAX_DOLLARS, _MAX_AMOUNT = 1e9, 10**15


def render(_: User) -> None:
    """The section: what one scope is bound to, to be changed, and what holds. Raises StoreError."""
    st.markdown(t("limits.about"))
    known = admin_scope.load_user_names()
    scope = admin_scope.select_scope(known, (TEAM_SCOPE, PER_USER_SCOPE))
    _render_form(scope, resources.policy().scopes.get(scope, ScopePolicy()).limits)
    st.subheader(t("admin.in_force"), anchor=False)
    _render_current_limits(known)


def _render_form(scope: str, limits: Limits) -> None:
    # What somebody else saves meanwhile is shown, and not written over: the fields are then others.
    stem = f"limit-{scope}-{hash(limits)}"
    with st.form(f"limits-{scope}", border=True):
        if scope.startswith("person:"):
            st.caption(t("limits.own"))
        for measure in _LIMIT_NAMES:
            _render_fields(stem, measure, getattr(limits, measure))
        st.form_submit_button(t("admin.save"), type="primary", on_click=_save_limits, args=(scope, stem))


def _render_fields(key_prefix: str, limit_name: str, limit: Limit) -> None:
    money = _is_cost(limit_name)
    kind: dict[str, Any] = (
        {"min_value": 0.0, "max_value": _MAX_DOLLARS, "step": 1.0, "format": "%g"}
        if money
        else {
            "min_value": 0,
            "max_value": _MAX_AMOUNT,
            "step": 1 if limit_name == "requests_minute" else 1000,
        }
    )
    for place, end in zip(st.columns(2), _THRESHOLDS, strict=True):
        amount, key = getattr(limit, end), f"{key_prefix}-{limit_name}-{end}"
        # Not as the value that the field begins with: it could not be emptied.
        if not session_state.has_widget(key):
            session_state.set_widget(
                key, amount / NANOS_PER_DOLLAR if money and amount is not None else amount
            )
        label = t(f"limits.{end}", measure=t(f"limits.{limit_name}"))
        place.number_input(label, value=None, key=key, placeholder=t("limits.none"), **kind)


def _is_cost(limit_name: str) -> bool:
    return limit_name.startswith("cost_")


@admin_action
def _save_limits(admin: User, scope: str, key_prefix: str) -> None:
    found: dict[str, Limit] = {}
    for measure in _LIMIT_NAMES:
        typed = (session_state.widget(f"{key_prefix}-{measure}-{end}") for end in _THRESHOLDS)
        soft, hard = (_parse_amount(measure, value) for value in typed)
        if any(value is not None and value < 0 for value in (soft, hard)):
            flash_warning(t("limits.negative", measure=t(f"limits.{measure}")))
            return
        if soft is not None and hard is not None and soft > hard:
            flash_warning(t("limits.crossed", measure=t(f"limits.{measure}")))
            return
        found[measure] = Limit(soft, hard)
    resources.store().policy.set_limits(admin, scope, Limits(**found))
    st.toast(t("admin.saved"), icon=":material/check:")


def _parse_amount(limit_name: str, value: float | None) -> int | None:
    """What was typed, money in nano-dollars."""
    if value is None:
        return None
    return int(Decimal(str(value)) * NANOS_PER_DOLLAR) if _is_cost(limit_name) else int(value)


def _render_current_limits(user_names: dict[str, str]) -> None:
    rules = resources.policy().scopes
    rows = [
        [
            admin_scope.scope_markdown(scope, user_names),
            t(f"limits.{measure}"),
            *(_format_threshold(measure, bound, end) for end in _THRESHOLDS),
        ]
        for scope in admin_scope.sort_scopes(rules)
        for measure, bound in rules[scope].limits.active_limits()
    ]
    if not rows:
        st.caption(t("limits.empty"))
        return
    table.render([t(f"admin.col_{name}") for name in ("scope", "measure", *_THRESHOLDS)], rows)


def _format_threshold(limit_name: str, limit: Limit, threshold: str) -> str:
    amount: int | None = getattr(limit, threshold)
    if amount is None:
        return "–"
    return escape_markdown(format_dollars(amount)) if _is_cost(limit_name) else f"{amount:,}"
