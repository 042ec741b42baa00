"""Usage of all users, for admins."""

from __future__ import annotations

from datetime import date, tzinfo

import streamlit as st

from lib.chat.usage import report
from lib.core.usage import FeedbackCount, UsageTotal
from lib.core.user import User
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import table
from lib.ui.widgets.controls import render_choice
from lib.ui.widgets.user_names import load_user_names, short_label

_USER_SCOPE_KEY = "usage.whose"


def select_all_users(user: User) -> bool:
    """Render the choice between the own usage and that of all users, for admins; return it.

    The access to the usage of all users is recorded in the audit log once. Raises StoreError, also if that
    fails.
    """
    if not user.is_admin:
        return False
    scopes = ["mine", "everybody"]
    selected = render_choice(t("usage.scope"), _USER_SCOPE_KEY, scopes, lambda name: t(f"usage.{name}"), default="mine")
    is_all_users = selected == "everybody"
    if is_all_users and not session_state.is_usage_access_recorded:
        resources.store().audit.record(user, "usage_of_all")
    session_state.is_usage_access_recorded = is_all_users
    return is_all_users


def usage_by_user(admin: User, first: date, last: date, zone: tzinfo) -> list[tuple[str, UsageTotal]]:
    """Return the usage of each user, the highest cost first, with names as Markdown. Raises StoreError."""
    assert admin.is_admin
    names, days = load_user_names(), report.split_into_day_ranges(first, last, zone)
    totals = resources.store().usage.totals_by_user(days[0].start, days[-1].end)
    return [(escape_markdown(names.get(user_id) or short_label(user_id)), total) for user_id, total in totals.items()]


def render_feedback(admin: User) -> None:
    """Render the number of good and bad ratings of each model, without comments. Raises StoreError."""
    assert admin.is_admin
    counts = resources.store().messages.feedback_by_model()
    if not counts:
        return
    with st.container(key="usage-feedback"):
        st.header(t("usage.feedback"), anchor=False)
        st.caption(t("usage.feedback_about"))
        headers = [t("usage.model"), t("feedback.good"), t("feedback.bad"), t("usage.good_share")]
        rows = [
            [escape_markdown(count.model), f"{count.good:,}", f"{count.bad:,}", _format_share(count)]
            for count in counts
        ]
        table.render(headers, rows)

        def build_csv() -> str:
            audit.record(admin, "export", "feedback_of_all")
            return report.feedback_to_csv(resources.store().messages.feedback_by_model())

        table.render_csv_download(build_csv, "antler-feedback.csv", "feedback-csv")


def _format_share(count: FeedbackCount) -> str:
    return t("usage.share", share=100 * count.good / (count.good + count.bad))


def export_csv(admin: User, first: date, last: date, zone: tzinfo) -> str:
    """Usage of all users as CSV, with user columns. Raises StoreError."""
    assert admin.is_admin
    audit.record(admin, "export", "usage_of_all")
    daily_usage = resources.store().usage.daily_by_user(report.split_into_day_ranges(first, last, zone))
    return report.usage_by_user_to_csv(daily_usage, load_user_names())
