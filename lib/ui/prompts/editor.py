"""Editor of an entry of the prompt library; what is typed stays while other pages are open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lib.chat.prompts.template import list_variables
from lib.core.conversation import new_id
from lib.core.params import PARAM_FIELDS, ParamField
from lib.core.prompts import (
    MAX_DESCRIPTION_CHARS,
    MAX_GREETING_CHARS,
    MAX_NAME_CHARS,
    MAX_PROMPTS,
    MAX_TEXT_CHARS,
    Prompt,
    PromptKind,
    build_prompt,
    clean_avatar,
)
from lib.core.user import User
from lib.ui.auth import admin_action
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import request_fields
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning, shows_errors

_PREFIX = "prompt-edit"
_TEXT_FIELDS = ("name", "description", "avatar", "text", "greeting")


def open_new(kind: PromptKind) -> None:
    """Open the editor for a new entry; a callback."""
    open_entry(Prompt("", kind, ""))


def open_entry(entry: Prompt) -> None:
    """Open the editor for an entry; one without an id is new. A callback."""
    session_state.edited_prompt = entry
    values: dict[str, Any] = {name: getattr(entry, name) for name in _TEXT_FIELDS}
    values |= {"suggestions": "\n".join(entry.suggestions), "is_team": entry.is_team}
    for name, value in values.items():
        session_state.set_widget(_key(name), value)
    request_fields.set_values(_PREFIX, entry.target, entry.params)


def render(user: User) -> None:
    """Render the editor."""
    entry = session_state.edited_prompt
    assert entry is not None
    is_persona = entry.kind == "persona"
    st.header(t(f"prompts.{'edit' if entry.id else 'new'}_{entry.kind}"), anchor=False)
    if is_persona:
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="prompt-edit-face"):
            _render_line("avatar", 20, width=110)
            _render_line("name", MAX_NAME_CHARS)
        st.caption(t("prompts.avatar_about"))
    else:
        _render_line("name", MAX_NAME_CHARS)
    _render_line("description", MAX_DESCRIPTION_CHARS)
    _render_text(entry.kind)
    if is_persona:
        _render_line("greeting", MAX_GREETING_CHARS)
        st.text_area(t("prompts.suggestions"), key=_key("suggestions"), height=110, persist_state="session")
    with st.expander(t("prompts.settings"), key="prompt-edit-settings", icon=":material/tune:"):
        st.caption(t("prompts.settings_about"))
        request_fields.render(user, _PREFIX, _param_fields(entry.kind))
    if user.is_admin and not entry.id:
        st.toggle(t("prompts.for_team"), key=_key("is_team"), persist_state="session")
    with st.container(horizontal=True, gap="small"):
        render_button(t("prompts.save"), "prompt-save", "", _save, user, type="primary")
        render_button(t("prompts.cancel"), "prompt-cancel", "", close, type="secondary")


def is_full(user: User) -> bool:
    """Tell if the user has the most entries of their own that are allowed. Raises StoreError."""
    return sum(not entry.is_team for entry in resources.store().prompts.summaries(user.id)) >= MAX_PROMPTS


def close() -> None:
    """Close the editor without saving; a callback."""
    session_state.edited_prompt = None


def _key(name: str) -> str:
    return f"{_PREFIX}-{name}"


def _render_line(name: str, max_chars: int, width: int | None = None) -> None:
    label, key = t(f"prompts.{name}"), _key(name)
    st.text_input(label, key=key, max_chars=max_chars, persist_state="session", width=width or "stretch")


def _render_text(kind: PromptKind) -> None:
    st.text_area(
        t(f"prompts.text_{kind}"),
        key=_key("text"),
        height=220,
        max_chars=MAX_TEXT_CHARS,
        placeholder=t(f"prompts.text_{kind}_example"),
        persist_state="session",
    )
    names = [
        escape_markdown(variable.name) for variable in list_variables(str(session_state.widget(_key("text")) or ""))
    ]
    found = t("prompts.variables", names=t("list.separator").join(names)) if names else ""
    st.caption(f"{found}  \n{t('prompts.variables_about')}" if found else t("prompts.variables_about"))


def _param_fields(kind: PromptKind) -> Sequence[ParamField]:
    """Return the parameters in the editor; the system prompt of a persona is its text."""
    return PARAM_FIELDS if kind == "prompt" else request_fields.FIELDS_WITHOUT_SYSTEM


@shows_errors
def _save(user: User) -> None:
    """Save the entry, or show the reason why not, and keep the editor open; a callback."""
    edited = session_state.edited_prompt
    if edited is None:
        return
    entry, problem = _read_entry(edited)
    if not edited.id and is_full(user):
        problem = t("prompts.too_many", count=MAX_PROMPTS)
    if entry is None or problem:
        flash_warning(problem)
    elif entry.is_team:
        _save_team(entry)
    else:
        resources.store().prompts.save(user.id, entry)
        _close_saved()


@admin_action
def _save_team(admin: User, entry: Prompt) -> None:
    resources.store().prompts.save_team(admin, entry)
    _close_saved()


def _close_saved() -> None:
    close()
    st.toast(t("admin.saved"), icon=":material/check:")


def _read_entry(edited: Prompt) -> tuple[Prompt | None, str]:
    """Return the entry as it was typed, or None with the reason why it cannot be saved."""
    texts = {name: str(session_state.widget(_key(name)) or "") for name in (*_TEXT_FIELDS, "suggestions")}
    if not texts["name"].strip() or not texts["text"].strip():
        return None, t("prompts.blank")
    if texts["avatar"].strip() and not clean_avatar(texts["avatar"]):
        return None, t("prompts.wrong_avatar")
    params, problem = request_fields.read_params(_PREFIX, _param_fields(edited.kind))
    if problem:
        return None, problem
    entry = build_prompt(
        edited.kind,
        texts["name"],
        texts["text"],
        texts["description"],
        id=edited.id or new_id(),
        avatar=texts["avatar"],
        greeting=texts["greeting"],
        suggestions=tuple(texts["suggestions"].splitlines()),
        target=request_fields.read_target(_PREFIX),
        params=params,
        is_team=bool(session_state.widget(_key("is_team"))) if not edited.id else edited.is_team,
        created_at=edited.created_at or time.time(),
    )
    return (replace(entry, updated_at=time.time()), "") if entry else (None, t("prompts.blank"))
