"""Administration of users: usage of the month, roles, limits, and revocation of sign-ins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from lib.core.usage import UsageTotal
from lib.core.user import User, UserRecord
from lib.ui.admin import scope
from lib.ui.auth import admin_action
from lib.ui.session import resources
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import cost, paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.user_names import display_name

_PAGE_SIZE = 25
_MIN_SEARCHABLE = 5  # a list of more users has a search field
_PAGER = "people"


def render(_: User) -> None:
    """Render the users, or in the modes without accounts the browsers with usage. Raises StoreError."""
    mode = resources.settings().access.mode
    now = datetime.now(UTC)
    month_start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    usage_by_user = resources.store().usage.totals_by_user(month_start, now.timestamp() + 86_400)
    if mode in ("oidc", "proxy"):
        st.markdown(t("users.about" if mode == "oidc" else "users.about_proxy"))
        records = resources.store().users.all()
    else:
        st.markdown(t("users.browsers"))
        records = [UserRecord(user_id, "", "", 0.0) for user_id in usage_by_user]
    if not records:
        st.caption(t("users.none" if mode in ("oidc", "proxy") else "users.no_browser"))
        return
    _render_list(records, usage_by_user)


def _render_list(records: list[UserRecord], usage_by_user: Mapping[str, UsageTotal]) -> None:
    query = paging.render_search_field(_PAGER, t("users.search")) if len(records) > _MIN_SEARCHABLE else ""
    query_words = query.casefold().split()
    matches = [record for record in records if all(word in display_name(record).casefold() for word in query_words)]
    if not matches:
        st.caption(t("users.not_found"))

    def render_rows(page: list[UserRecord]) -> None:
        for record in page:
            _render_row(record, usage_by_user.get(record.id))

    paging.render(_PAGER, paging.fetch_from(matches), render_rows, _PAGE_SIZE)


def _render_row(record: UserRecord, usage: UsageTotal | None) -> None:
    key = f"user-{record.id}"
    with st.container(key=key, horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
        facts = [t("users.cost", money=escape_markdown(cost.cost_text(usage) if usage else "$0"))]
        if record.last_seen_at:
            facts.insert(0, t("users.last_seen", when=dates.format_time(record.last_seen_at)))
        user = _user_with_roles(record)
        roles = [*([t("users.admin")] if user.is_admin else []), *user.groups]
        if roles:
            facts.append(t("list.separator").join(map(escape_markdown, roles)))
        st.markdown(
            f"**{escape_markdown(display_name(record))}**  \n:small[:gray[{' · '.join(facts)}]]",
            width="stretch",
        )
        label, limits_key, name = t("users.limits"), f"limits-of-{record.id}", display_name(record)
        render_button(label, limits_key, "speed", scope.show_user_section, "limits", record.id, about=name)
        if resources.settings().access.mode == "oidc":
            _render_sign_out(record)


def _user_with_roles(record: UserRecord) -> User:
    """Return the user with roles, by the last proxy user name or e-mail address of the provider."""
    mode = resources.settings().access.mode
    identity = record.name if mode == "proxy" else record.email if mode == "oidc" else ""
    return resources.settings().roles.apply_to(User(record.id), identity)


def _render_sign_out(record: UserRecord) -> None:
    label = f"{t('users.sign_out')} :small[{escape_markdown(display_name(record))}]"
    with st.popover(label, icon=":material/logout:", type="tertiary", key=f"out-{record.id}"):
        st.markdown(t("users.sign_out_confirm", name=escape_markdown(display_name(record))))
        label, key = t("users.sign_out_do"), f"out-do-{record.id}"
        render_button(label, key, "", _revoke_sessions, record.id, type="primary")


@admin_action
def _revoke_sessions(admin: User, user_id: str) -> None:
    resources.store().users.revoke_sessions(admin, user_id, time.time())
    st.toast(t("users.signed_out"), icon=":material/check:")
