"""Audit log: a paginated table, newest first, with an action filter and a CSV export."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
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
from lib.ui.widgets.user_names import load_user_names, short_label

_PAGE_SIZE, _EXPORT_BATCH_SIZE = 25, 500
_ACTION_KEY, _PAGER = "audit.action", "audit"
_CSV_COLUMNS = ("at", "person", "person_id", "action", "object", "detail")


def render(user: User) -> None:
    """Render the section. Raises StoreError."""
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
    user_names = load_user_names()

    def fetch(limit: int, before: AuditEvent | None) -> list[AuditEvent]:
        return resources.store().audit.page(limit, action or "", before)

    def render_events(events: list[AuditEvent]) -> None:
        if not events:
            st.caption(t("audit.empty"))
            return
        rows = [_table_row(event, user_names) for event in events]
        table.render([t(f"admin.col_{name}") for name in ("at", "person", "action", "object")], rows)
        table.render_csv_download(lambda: _export_csv(user, action or ""), "antler-audit.csv", "audit-csv")

    paging.render(_PAGER, fetch, render_events, _PAGE_SIZE)


def _table_row(event: AuditEvent, user_names: Mapping[str, str]) -> list[str]:
    actor = event.actor_name or user_names.get(event.actor_id) or short_label(event.actor_id)
    labels = (_resource_label(event, user_names), _format_details(event.details))
    return [
        escape_markdown(dates.format_time(event.occurred_at)),
        escape_markdown(actor),
        _action_label(event.action),
        escape_markdown(" · ".join(filter(None, labels))) or "–",
    ]


def _action_label(name: str) -> str:
    return t(f"audit.{name}") if has_message(f"audit.{name}") else escape_markdown(name)


def _resource_label(event: AuditEvent, user_names: Mapping[str, str]) -> str:
    if event.action in ("limits", "models"):
        return scope.scope_name(event.resource, user_names)
    return user_names.get(event.resource, event.resource)


def _format_details(details: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for name, value in details.items():
        if isinstance(value, dict):
            amounts = [
                f"{threshold} {_format_amount(name, value[threshold])}"
                for threshold in ("soft", "hard")
                if value.get(threshold) is not None
            ]
            key = f"limits.{name}"
            label = t(key) if has_message(key) else name
            parts.append(f"{label}: {', '.join(amounts)}")
        elif isinstance(value, list):
            parts += [t("count.chats", count=len(value))] if name == "conversations" else map(str, value)
        elif value is not None:
            parts.append(str(value))
    return "; ".join(parts)


def _format_amount(limit_name: str, amount: Any) -> str:
    if limit_name.startswith("cost_") and isinstance(amount, int):
        return format_dollars(amount)
    return f"{amount:,}"


def _export_csv(user: User, action: str) -> str:
    audit.record(user, "export", "audit")
    return csv_export.to_csv(_CSV_COLUMNS, map(_csv_row, _iter_events(action)))


def _iter_events(action: str) -> Iterator[AuditEvent]:
    last = None
    while batch := resources.store().audit.page(_EXPORT_BATCH_SIZE, action, last):
        yield from batch
        last = batch[-1]


def _csv_row(event: AuditEvent) -> tuple[str, ...]:
    moment = datetime.fromtimestamp(event.occurred_at, UTC).isoformat(timespec="seconds")
    texts = (event.actor_name, event.actor_id, event.action, event.resource)
    details = json.dumps(dict(event.details), ensure_ascii=False)
    return (moment, *map(csv_export.escape_formula, texts), details)
