"""What is left of the limits: a line above the box when one is nearly used up, and all of them in full."""

from __future__ import annotations

import contextlib
from itertools import groupby

import streamlit as st

from lib.chat.usage.limits import LimitStatus
from lib.core.errors import StoreError
from lib.ui.session import services
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.text.limit_text import format_amount, format_reset_time


def render_warning() -> None:
    """One quiet line where a soft bound is reached: the one that is used most."""
    with contextlib.suppress(StoreError):  # a warning is not worth the page
        if found := services.limit_enforcer().warnings():
            worst = max(found, key=lambda one: one.usage_ratio)
            st.caption(f":material/hourglass_bottom: {escape_markdown(_warning_text(worst))}")


def render() -> None:
    """Each bound that holds for the person: how far it is used, when it begins anew. Raises StoreError."""
    found = services.limit_enforcer().limit_statuses()
    if not found:
        return
    with st.container(key="left"):
        st.subheader(t("left.title"), anchor=False, help=t("left.about"))
        for scope, bounds in groupby(found, key=lambda one: one.counter.scope):
            _render_scope(scope, list(bounds))


def _render_scope(scope: str, statuses: list[LimitStatus]) -> None:
    first = statuses[0]
    st.markdown(f"**{t(f'left.{first.scope_kind}', group=escape_markdown(first.group_name))}**")
    # Side by side where there is room, one below the other on a phone.
    with st.container(key=f"left-{scope}", horizontal=True, gap="medium"):
        for one in statuses:
            with st.container(width=320):
                _render_limit(one)


def _render_limit(status: LimitStatus) -> None:
    used = t("left.used", **_usage_values(status))
    st.progress(
        min(1.0, max(0.0, status.usage_ratio)),
        text=f"{t(f'left.{status.counter.limit_name}')}  \n{escape_markdown(used)}",
        width="stretch",
    )
    about, unit = [], status.counter.unit
    if status.limit.hard is not None:
        about.append(t("left.free", left=format_amount(unit, max(0, status.limit.hard - status.used))))
    if status.limit.soft is not None:
        about.append(t("left.warned", soft=format_amount(unit, status.limit.soft)))
    about.append(t("left.resets", **format_reset_time(status.counter.resets_at)))
    st.caption(escape_markdown(" · ".join(about)))


def _warning_text(status: LimitStatus) -> str:
    what = t(f"limit.now_{status.counter.limit_name}")
    return t(
        f"limit.warn_{status.scope_kind}",
        group=status.group_name,
        share=int(100 * status.usage_ratio),
        what=what,
        **_usage_values(status),
    )


def _usage_values(status: LimitStatus) -> dict[str, str]:
    """What is `used`, and the `whole` that it is used of."""
    whole = status.limit.soft if status.limit.hard is None else status.limit.hard
    return {
        "used": format_amount(status.counter.unit, status.used),
        "whole": format_amount(status.counter.unit, whole or 0),
    }
