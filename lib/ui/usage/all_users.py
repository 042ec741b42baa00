"""Usage of everybody, for admins: whose it was, and the file that says so."""

from __future__ import annotations

from datetime import date, tzinfo

import streamlit as st

from lib.chat.usage import report as usage
from lib.chat.usage.report import Report
from lib.core.usage import Spent
from lib.core.user import Person
from lib.ui.admin import scope
from lib.ui.session import audit, resources
from lib.ui.text.i18n import literal, t

_WHOSE, _LOOKED = "usage.whose", "usage.looked"


def chosen(person: Person) -> bool:
    """Whether everybody's usage is to be shown, which an admin alone may choose; each look is told of.

    Raises StoreError, also where it cannot be told.
    """
    if not person.admin:
        return False
    everybody = (
        st.segmented_control(
            t("usage.whose"),
            ["mine", "everybody"],
            default="mine",
            key=_WHOSE,
            required=True,
            format_func=lambda name: t(f"usage.{name}"),
            label_visibility="collapsed",
        )
        == "everybody"
    )
    if not everybody:
        st.session_state.pop(_LOOKED, None)
    elif _LOOKED not in st.session_state:
        resources.store().note(person, "usage_of_all")
        st.session_state[_LOOKED] = True
    return everybody


def report(admin: Person, first: date, last: date, zone: tzinfo) -> Report:
    """What everybody used, for somebody of whom it is known that they are an admin. Raises StoreError."""
    assert admin.admin
    return usage.report_of_all(resources.store(), first, last, zone)


def spent(admin: Person, first: date, last: date, zone: tzinfo) -> list[tuple[str, Spent]]:
    """What each person used, the dearest first; they are called as Markdown. Raises StoreError."""
    assert admin.admin
    known, days = scope.people(), usage.spans(first, last, zone)
    found = resources.store().spent_by_each(days[0].begin, days[-1].end)
    return [(literal(known.get(owner) or scope.short(owner)), one) for owner, one in found.items()]


def file(admin: Person, first: date, last: date, zone: tzinfo) -> str:
    """The CSV with whose each line is. Raises StoreError."""
    assert admin.admin
    audit.note(admin, "export", "usage_of_all")
    pairs = resources.store().lines_of_each(usage.spans(first, last, zone))
    return usage.table_of_each(pairs, scope.people())
