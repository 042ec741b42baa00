"""The people: who they are, what they spent this month, their limits, and a way to sign one out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

import streamlit as st

from lib.core.usage import UsageTotal
from lib.core.user import User, UserRecord
from lib.ui.admin import scope
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import dates
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import cost, paging
from lib.ui.widgets.model_access import admin_action

_PAGE_SIZE = 25
_PAGER = "people"
_SEARCH_KEY = "people.search"


def render(_: User) -> None:
    """The section. Raises StoreError."""
    mode = resources.settings().access.mode
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    spent = resources.store().usage.totals_by_user(month, now.timestamp() + 86_400)
    if mode in ("oidc", "proxy"):
        st.markdown(t("people.about" if mode == "oidc" else "people.about_proxy"))
        everybody = resources.store().users.all()
    else:
        st.markdown(t("people.browsers"))
        everybody = [UserRecord(owner, "", "", 0.0) for owner in spent]
    if not everybody:
        st.caption(t("people.nobody" if mode in ("oidc", "proxy") else "people.no_browser"))
        return
    _render_list(everybody, spent)


def _render_list(users: list[UserRecord], usage_by_user: Mapping[str, UsageTotal]) -> None:
    if len(users) > 5:
        st.text_input(
            t("people.search"),
            key=_SEARCH_KEY,
            icon=":material/search:",
            placeholder=t("people.search"),
            label_visibility="collapsed",
            on_change=paging.reset,
            args=(_PAGER,),
        )
    words = str(session_state.widget(_SEARCH_KEY) or "").casefold().split()
    found = [one for one in users if all(word in scope.display_name(one).casefold() for word in words)]
    if not found:
        st.caption(t("people.not_found"))
    zone = dates.resolve_timezone(st.context.timezone, st.context.timezone_offset)

    def render_rows(records: list[UserRecord]) -> None:
        for record in records:
            _render_row(record, usage_by_user.get(record.id), zone)

    paging.render(_PAGER, paging.fetch_from(found), render_rows, _PAGE_SIZE)


def _render_row(record: UserRecord, usage: UsageTotal | None, zone: tzinfo) -> None:
    key = f"somebody-{record.id}"
    with st.container(key=key, horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
        facts = [t("people.spent", money=escape_markdown(cost.cost_text(usage) if usage else "$0"))]
        if record.last_seen_at:
            seen = datetime.fromtimestamp(record.last_seen_at, zone).strftime("%Y-%m-%d %H:%M")
            facts.insert(0, t("people.seen", when=seen))
        told = _user_with_roles(record)
        groups = [t("people.admin")] if told.is_admin else []
        facts += (
            [t("list.comma").join(map(escape_markdown, [*groups, *told.groups]))]
            if groups or told.groups
            else []
        )
        st.markdown(
            f"**{escape_markdown(scope.display_name(record))}**  \n:small[:gray[{' · '.join(facts)}]]",
            width="stretch",
        )
        st.button(
            t("people.limits"),
            key=f"limits-of-{record.id}",
            type="tertiary",
            icon=":material/speed:",
            on_click=scope.show_user_section,
            args=("limits", record.id),
        )
        if resources.settings().access.mode == "oidc":
            _render_sign_out(record)


def _user_with_roles(record: UserRecord) -> User:
    """What the settings make of somebody, by what the proxy or the provider last told of them."""
    mode = resources.settings().access.mode
    by = record.name if mode == "proxy" else record.email if mode == "oidc" else ""
    return resources.settings().roles.apply_to(User(record.id), by)


def _render_sign_out(record: UserRecord) -> None:
    with st.popover(t("people.out"), icon=":material/logout:", type="tertiary", key=f"out-{record.id}"):
        st.markdown(t("people.out_sure", who=escape_markdown(scope.display_name(record))))
        st.button(
            t("people.out_do"),
            key=f"out-do-{record.id}",
            type="primary",
            on_click=_revoke_sessions,
            args=(record.id,),
        )


@admin_action
def _revoke_sessions(admin: User, user_id: str) -> None:
    resources.store().users.revoke_sessions(admin, user_id, time.time())
    st.toast(t("people.is_out"), icon=":material/check:")
