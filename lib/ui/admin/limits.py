"""Limits of requests, tokens and money, for everybody together, a group or a person."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import streamlit as st

from lib.core.policy import ALL, EACH, Bound, Limits, Rule
from lib.core.pricing import NANO, dollars
from lib.core.user import Person
from lib.ui.admin import scope as admin_scope
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import table
from lib.ui.widgets.errors import refuse
from lib.ui.widgets.model_access import settling

_MEASURES = tuple(field.name for field in fields(Limits))
_ENDS = ("soft", "hard")
_MOST_DOLLARS, _MOST = 1e9, 10**15


def paint(_: Person) -> None:
    """The section: what one scope is bound to, to be changed, and what holds. Raises StoreError."""
    st.markdown(t("limits.about"))
    known = admin_scope.people()
    scope = admin_scope.choose(known, (ALL, EACH))
    _form(scope, resources.policy().rules.get(scope, Rule()).limits)
    st.subheader(t("admin.in_force"), anchor=False)
    _in_force(known)


def _form(scope: str, limits: Limits) -> None:
    # What somebody else saves meanwhile is shown, and not written over: the fields are then others.
    stem = f"limit-{scope}-{hash(limits)}"
    with st.form(f"limits-{scope}", border=True):
        if scope.startswith("person:"):
            st.caption(t("limits.own"))
        for measure in _MEASURES:
            _fields(stem, measure, getattr(limits, measure))
        st.form_submit_button(t("admin.save"), type="primary", on_click=_save, args=(scope, stem))


def _fields(stem: str, measure: str, bound: Bound) -> None:
    money = _is_money(measure)
    kind: dict[str, Any] = (
        {"min_value": 0.0, "max_value": _MOST_DOLLARS, "step": 1.0, "format": "%g"}
        if money
        else {"min_value": 0, "max_value": _MOST, "step": 1 if measure == "requests_minute" else 1000}
    )
    for place, end in zip(st.columns(2), _ENDS, strict=True):
        amount, key = getattr(bound, end), f"{stem}-{measure}-{end}"
        # Not as the value that the field begins with: it could not be emptied.
        st.session_state.setdefault(key, amount / NANO if money and amount is not None else amount)
        label = t(f"limits.{end}", measure=t(f"limits.{measure}"))
        place.number_input(label, value=None, key=key, placeholder=t("limits.none"), **kind)


def _is_money(measure: str) -> bool:
    return measure.startswith("cost_")


@settling
def _save(admin: Person, scope: str, stem: str) -> None:
    found: dict[str, Bound] = {}
    for measure in _MEASURES:
        typed = (st.session_state[f"{stem}-{measure}-{end}"] for end in _ENDS)
        soft, hard = (_amount(measure, value) for value in typed)
        if any(value is not None and value < 0 for value in (soft, hard)):
            refuse(t("limits.negative", measure=t(f"limits.{measure}")))
            return
        if soft is not None and hard is not None and soft > hard:
            refuse(t("limits.crossed", measure=t(f"limits.{measure}")))
            return
        found[measure] = Bound(soft, hard)
    resources.store().settle_limits(admin, scope, Limits(**found))
    st.toast(t("admin.saved"), icon=":material/check:")


def _amount(measure: str, typed: float | None) -> int | None:
    """What was typed, money in nano-dollars."""
    if typed is None:
        return None
    return int(Decimal(str(typed)) * NANO) if _is_money(measure) else int(typed)


def _in_force(known: dict[str, str]) -> None:
    rules = resources.policy().rules
    rows = [
        [
            admin_scope.cell(scope, known),
            t(f"limits.{measure}"),
            *(_shown(measure, bound, end) for end in _ENDS),
        ]
        for scope in admin_scope.in_order(rules)
        for measure, bound in rules[scope].limits.bounds()
    ]
    if not rows:
        st.caption(t("limits.empty"))
        return
    table.paint([t(f"admin.col_{name}") for name in ("scope", "measure", *_ENDS)], rows)


def _shown(measure: str, bound: Bound, end: str) -> str:
    amount: int | None = getattr(bound, end)
    if amount is None:
        return "–"
    return literal(dollars(amount)) if _is_money(measure) else f"{amount:,}"
