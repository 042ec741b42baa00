"""Who did what: a table, newest first, page by page, and all of it as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import streamlit as st

from lib.chat.usage import csv_export
from lib.core.audit import AUDIT_ACTIONS, AuditEvent
from lib.core.user import User
from lib.ui.admin import scope
from lib.ui.session import audit, resources
from lib.ui.text import dates, escape_markdown, has_message, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import paging, table

_PAGE_SIZE, _EXPORT_BATCH_SIZE = 25, 500
_ACTION_KEY, _PAGER = "audit.action", "audit"
_CSV_COLUMNS = ("at", "person", "person_id", "action", "object", "detail")


def render(user: User) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("audit.about"))
    action = st.selectbox(
        t("audit.action"),
        AUDIT_ACTIONS,
        index=None,
        key=_ACTION_KEY,
        placeholder=t("audit.every"),
        format_func=lambda name: t(f"audit.{name}"),
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(_PAGER,),
    )
    zone = dates.resolve_timezone(st.context.timezone, st.context.timezone_offset)
    user_names = scope.load_user_names()

    def fetch(limit: int, before: AuditEvent | None) -> list[AuditEvent]:
        return resources.store().audit.page(limit, action or "", before)

    def render_events(events: list[AuditEvent]) -> None:
        if not events:
            st.caption(t("audit.empty"))
            return
        rows = [_table_row(event, user_names, zone) for event in events]
        table.render([t(f"admin.col_{name}") for name in ("at", "person", "action", "object")], rows)
        _render_csv_download(user, action or "")

    paging.render(_PAGER, fetch, render_events, _PAGE_SIZE)


def _table_row(event: AuditEvent, user_names: Mapping[str, str], zone: tzinfo) -> list[str]:
    when = datetime.fromtimestamp(event.occurred_at, zone).strftime("%Y-%m-%d %H:%M")
    who = event.actor_name or user_names.get(event.actor_id) or scope.short_label(event.actor_id)
    told = " · ".join(
        part for part in (_object_label(event, user_names), _format_detail(event.details)) if part
    )
    return [
        escape_markdown(when),
        escape_markdown(who),
        _action_label(event.action),
        escape_markdown(told) or "–",
    ]


def _action_label(name: str) -> str:
    return t(f"audit.{name}") if has_message(f"audit.{name}") else escape_markdown(name)


def _object_label(event: AuditEvent, user_names: Mapping[str, str]) -> str:
    if event.action in ("limits", "models"):
        return scope.scope_name(event.resource, user_names)
    return user_names.get(event.resource, event.resource)


def _format_detail(detail: Mapping[str, Any]) -> str:
    """What belongs to an act, in few words."""
    parts: list[str] = []
    for name, value in detail.items():
        if isinstance(value, dict):
            ends = [
                f"{end} {_format_amount(name, value[end])}"
                for end in ("soft", "hard")
                if value.get(end) is not None
            ]
            key = f"limits.{name}"
            label = t(key) if has_message(key) else name
            parts.append(f"{label}: {', '.join(ends)}")
        elif isinstance(value, list):
            parts += [t("count.chats", count=len(value))] if name == "conversations" else map(str, value)
        elif value is not None:
            parts.append(str(value))
    return "; ".join(parts)


def _format_amount(limit_name: str, amount: Any) -> str:
    return (
        format_dollars(amount)
        if limit_name.startswith("cost_") and isinstance(amount, int)
        else f"{amount:,}"
    )


def _render_csv_download(user: User, action: str) -> None:
    st.download_button(
        t("usage.csv"),
        lambda: _export_csv(user, action).encode("utf-8-sig"),
        "antler-audit.csv",
        "text/csv",
        key="audit-csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _export_csv(user: User, action: str) -> str:
    audit.record(user, "export", "audit")
    return csv_export.to_csv(_CSV_COLUMNS, map(_csv_row, _iter_events(action)))


def _iter_events(action: str) -> Iterator[AuditEvent]:
    last = None
    while found := resources.store().audit.page(_EXPORT_BATCH_SIZE, action, last):
        yield from found
        last = found[-1]


def _csv_row(event: AuditEvent) -> tuple[str, ...]:
    when = datetime.fromtimestamp(event.occurred_at, UTC).isoformat(timespec="seconds")
    texts = (event.actor_name, event.actor_id, event.action, event.resource)
    return (when, *map(csv_export.escape_formula, texts), json.dumps(dict(event.details), ensure_ascii=False))
