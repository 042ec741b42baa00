"""Usage of everybody, for admins: whose it was, and the file that says so."""

from __future__ import annotations

from datetime import date, tzinfo

import streamlit as st

from lib.chat.usage import report as usage
from lib.chat.usage.report import UsageStatistics
from lib.core.usage import UsageTotal
from lib.core.user import User
from lib.ui.admin import scope
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t

_USER_SCOPE_KEY = "usage.whose"


def select_all_users(user: User) -> bool:
    """Whether everybody's usage is to be shown, which an admin alone may choose; each look is told of.

    Raises StoreError, also where it cannot be told.
    """
    if not user.is_admin:
        return False
    everybody = (
        st.segmented_control(
            t("usage.whose"),
            ["mine", "everybody"],
            default="mine",
            key=_USER_SCOPE_KEY,
            required=True,
            format_func=lambda name: t(f"usage.{name}"),
            label_visibility="collapsed",
        )
        == "everybody"
    )
    if not everybody:
        session_state.is_usage_access_recorded = False
    elif not session_state.is_usage_access_recorded:
        resources.store().audit.record(user, "usage_of_all")
        session_state.is_usage_access_recorded = True
    return everybody


def build_report(admin: User, first: date, last: date, zone: tzinfo) -> UsageStatistics:
    """What everybody used, for somebody of whom it is known that they are an admin. Raises StoreError."""
    assert admin.is_admin
    return usage.load_team_statistics(resources.store().usage, first, last, zone)


def usage_by_user(admin: User, first: date, last: date, zone: tzinfo) -> list[tuple[str, UsageTotal]]:
    """What each person used, the dearest first; they are called as Markdown. Raises StoreError."""
    assert admin.is_admin
    known, days = scope.load_user_names(), usage.split_into_day_ranges(first, last, zone)
    found = resources.store().usage.totals_by_user(days[0].start, days[-1].end)
    return [
        (escape_markdown(known.get(owner) or scope.short_label(owner)), one) for owner, one in found.items()
    ]


def export_csv(admin: User, first: date, last: date, zone: tzinfo) -> str:
    """The CSV with whose each line is. Raises StoreError."""
    assert admin.is_admin
    audit.record(admin, "export", "usage_of_all")
    pairs = resources.store().usage.daily_by_user(usage.split_into_day_ranges(first, last, zone))
    return usage.usage_by_user_to_csv(pairs, scope.load_user_names())
