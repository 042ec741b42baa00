"""Quota status: a warning near a limit, and the full list."""

from __future__ import annotations

import contextlib
from itertools import groupby

import streamlit as st

from lib.chat.usage.limits import LimitStatus
from lib.core.errors import StoreError
from lib.ui.session import services
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_amount, format_reset_time


def render_warning() -> None:
    """Render a line when a soft limit is reached, for the limit with the highest usage ratio."""
    with contextlib.suppress(StoreError):  # a warning is not worth the page
        if warnings := services.shown_limits().warnings():
            worst = max(warnings, key=lambda status: status.usage_ratio)
            st.caption(f":material/hourglass_bottom: {escape_markdown(_warning_text(worst))}")


def render() -> None:
    """Render each limit of the user with its usage and reset time. Raises StoreError."""
    statuses = services.limit_enforcer().limit_statuses()
    if not statuses:
        return
    with st.container(key="quota-status"):
        st.header(t("quota.title"), anchor=False, help=t("quota.about"))
        for scope, group in groupby(statuses, key=lambda status: status.counter.scope):
            _render_scope(scope, list(group))


def _render_scope(scope: str, statuses: list[LimitStatus]) -> None:
    first = statuses[0]
    st.markdown(f"**{t(f'quota.{first.scope_kind}', group=escape_markdown(first.group_name))}**")
    # Side by side where there is room, one below the other on a phone.
    with st.container(key=f"left-{scope}", horizontal=True, gap="medium"):
        for status in statuses:
            with st.container(width=320):
                _render_limit(status)


def _render_limit(status: LimitStatus) -> None:
    used = t("quota.used", **_usage_values(status))
    st.progress(
        min(1.0, max(0.0, status.usage_ratio)),
        text=f"{t(f'quota.{status.counter.limit_name}')}  \n{escape_markdown(used)}",
        width="stretch",
    )
    details, unit = [], status.counter.unit
    if status.limit.hard is not None:
        remaining = format_amount(unit, max(0, status.limit.hard - status.used))
        details.append(t("quota.free", remaining=remaining))
    if status.limit.soft is not None:
        details.append(t("quota.warned", soft_limit=format_amount(unit, status.limit.soft)))
    details.append(t("quota.resets", **format_reset_time(status.counter.resets_at)))
    st.caption(escape_markdown(" · ".join(details)))


def _warning_text(status: LimitStatus) -> str:
    return t(
        f"limit.warn_{status.scope_kind}",
        group=status.group_name,
        share=int(100 * status.usage_ratio),
        limit_name=t(f"limit.now_{status.counter.limit_name}"),
        **_usage_values(status),
    )


def _usage_values(status: LimitStatus) -> dict[str, str]:
    limit = status.limit.soft if status.limit.hard is None else status.limit.hard
    return {
        "used": format_amount(status.counter.unit, status.used),
        "limit": format_amount(status.counter.unit, limit or 0),
    }
