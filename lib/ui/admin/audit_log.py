"""Who did what: a table, newest first, page by page, and all of it as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import streamlit as st

from lib.chat.usage import csv_export
from lib.core.audit import ACTIONS, Act
from lib.core.pricing import dollars
from lib.core.user import Person
from lib.ui.admin import scope
from lib.ui.session import audit, resources
from lib.ui.text import dates
from lib.ui.text.i18n import LANGUAGES, literal, t
from lib.ui.widgets import table

_PAGE, _BATCH = 25, 500
_ACTION, _PAGES = "audit.action", "audit.pages"
_COLUMNS = ("at", "person", "person_id", "action", "object", "detail")


def paint(person: Person) -> None:
    """The section. Raises StoreError."""
    st.markdown(t("audit.about"))
    action = st.selectbox(
        t("audit.action"),
        ACTIONS,
        index=None,
        key=_ACTION,
        placeholder=t("audit.every"),
        format_func=lambda name: t(f"audit.{name}"),
        label_visibility="collapsed",
        on_change=_first,
    )
    # The last act of each page that is behind: what is shown comes after it.
    behind: list[Act] = st.session_state.setdefault(_PAGES, [])
    found = resources.store().acts(_PAGE + 1, action or "", behind[-1] if behind else None)
    if not found:
        st.caption(t("audit.empty"))
        return
    zone = dates.zone(st.context.timezone, st.context.timezone_offset)
    known = scope.people()
    rows = [_cells(act, known, zone) for act in found[:_PAGE]]
    table.paint([t(f"admin.col_{name}") for name in ("at", "person", "action", "object")], rows)
    _turn(behind, found)
    _file(person, action or "")


def _cells(act: Act, known: Mapping[str, str], zone: tzinfo) -> list[str]:
    when = datetime.fromtimestamp(act.at, zone).strftime("%Y-%m-%d %H:%M")
    who = act.name or known.get(act.actor) or scope.short(act.actor)
    told = " · ".join(part for part in (_object(act, known), _detail(act.detail)) if part)
    return [literal(when), literal(who), _action(act.action), literal(told) or "–"]


def _action(name: str) -> str:
    return t(f"audit.{name}") if f"audit.{name}" in LANGUAGES["en"] else literal(name)


def _object(act: Act, known: Mapping[str, str]) -> str:
    if act.action in ("limits", "models"):
        return scope.name(act.object, known)
    return known.get(act.object, act.object)


def _detail(detail: Mapping[str, Any]) -> str:
    """What belongs to an act, in few words."""
    parts: list[str] = []
    for name, value in detail.items():
        if isinstance(value, dict):
            ends = [
                f"{end} {_amount(name, value[end])}" for end in ("soft", "hard") if value.get(end) is not None
            ]
            parts.append(
                f"{t(f'limits.{name}') if f'limits.{name}' in LANGUAGES['en'] else name}: {', '.join(ends)}"
            )
        elif isinstance(value, list):
            parts += [t("audit.count", count=len(value))] if name == "conversations" else map(str, value)
        elif value is not None:
            parts.append(str(value))
    return "; ".join(parts)


def _amount(measure: str, amount: Any) -> str:
    return dollars(amount) if measure.startswith("cost_") and isinstance(amount, int) else f"{amount:,}"


def _turn(behind: list[Act], found: list[Act]) -> None:
    if not behind and len(found) <= _PAGE:
        return
    with st.container(key="audit-pages", horizontal=True, gap="small"):
        st.button(
            t("audit.newer"),
            key="audit-newer",
            type="tertiary",
            icon=":material/chevron_left:",
            disabled=not behind,
            on_click=_back,
        )
        st.button(
            t("audit.older"),
            key="audit-older",
            type="tertiary",
            icon=":material/chevron_right:",
            disabled=len(found) <= _PAGE,
            on_click=behind.append,
            args=(found[min(_PAGE, len(found)) - 1],),
        )


def _back() -> None:
    st.session_state[_PAGES].pop()


def _first() -> None:
    st.session_state[_PAGES] = []


def _file(person: Person, action: str) -> None:
    st.download_button(
        t("usage.csv"),
        lambda: _csv(person, action).encode("utf-8-sig"),
        "antler-audit.csv",
        "text/csv",
        key="audit-csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _csv(person: Person, action: str) -> str:
    audit.note(person, "export", "audit")
    return csv_export.table(_COLUMNS, map(_row, _every(action)))


def _every(action: str) -> Iterator[Act]:
    last = None
    while found := resources.store().acts(_BATCH, action, last):
        yield from found
        last = found[-1]


def _row(act: Act) -> tuple[str, ...]:
    when = datetime.fromtimestamp(act.at, UTC).isoformat(timespec="seconds")
    texts = (act.name, act.actor, act.action, act.object)
    return (when, *map(csv_export.safe, texts), json.dumps(dict(act.detail), ensure_ascii=False))
