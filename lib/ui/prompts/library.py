"""List of the prompt library: search, a filter, and one row for each entry with its actions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import streamlit as st

from lib.chat.prompts.library import copy_prompt, search_prompts
from lib.core.prompts import MAX_PROMPTS, PROMPT_KINDS, Prompt, PromptSummary, build_prompt
from lib.core.user import User
from lib.ui.auth import admin_action
from lib.ui.history import row
from lib.ui.prompts import editor, imports, sharing
from lib.ui.session import conversation_view, resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import avatar, paging, undo
from lib.ui.widgets.controls import render_button, render_choice, render_menu
from lib.ui.widgets.errors import flash_warning, shows_errors
from lib.ui.widgets.navigation import PROMPTS_PAGE

_LIST, _FILTER_KEY = "prompts", "prompts-filter"
_FILTERS = ("all", "mine", "team")
_MAX_TEAM_NAMES = 20  # in Administration
_KIND_ICONS = {"prompt": "add", "persona": "face"}
# The kinds of the built-in examples.
_EXAMPLES = (("summary", "prompt"), ("translation", "prompt"), ("reviewer", "persona"))
_EXAMPLE_AVATARS = {"reviewer": "🧐"}


def render(user: User) -> None:
    """Render the list with its search, or examples while there is nothing. Raises StoreError."""
    st.markdown(t("prompts.about"))
    with st.container(key="prompts-new", horizontal=True, gap="small"):
        for kind in PROMPT_KINDS:
            label, icon = t(f"prompts.new_{kind}"), _KIND_ICONS[kind]
            render_button(label, f"prompts-new-{kind}", icon, editor.open_new, kind, type="secondary")
        imports.render(user)
    entries = resources.store().prompts.summaries(user.id)
    if entries:
        query = paging.render_search_field(_LIST, t("prompts.search"))
        scope = _render_filter(entries)
        found = [entry for entry in entries if scope == "all" or entry.is_team == (scope == "team")]
        found = search_prompts(found, query, resources.store().prompts.texts(user.id) if query.strip() else {})
        if not found:
            st.caption(t("prompts.none_found"))
        with st.container(key="prompts-list", gap=None):
            paging.render(_LIST, paging.fetch_from(found), lambda page: _render_rows(user, page))
    _render_examples(user, {entry.name for entry in entries if not entry.is_team})


def _render_filter(entries: Sequence[PromptSummary]) -> str:
    """Render the filter if there are entries of both kinds of owners, and return it."""
    if len({entry.is_team for entry in entries}) < 2:
        return "all"
    if not session_state.has_widget(_FILTER_KEY):
        session_state.set_widget(_FILTER_KEY, "all")
    reset = partial(paging.reset, _LIST)
    label = t("prompts.filter")
    return render_choice(label, _FILTER_KEY, _FILTERS, lambda name: t(f"prompts.{name}"), on_change=reset) or "all"


def _render_rows(user: User, entries: Sequence[PromptSummary]) -> None:
    for entry in entries:
        with st.container(key=f"prompt-{entry.id}", horizontal=True, gap="small", vertical_alignment="center"):
            _render_description(entry)
            label = t("prompts.start" if entry.kind == "persona" else "prompts.use")
            render_button(label, f"prompt-use-{entry.id}", "", _use, entry.id, type="secondary", about=entry.name)
            actions = _list_actions(user, entry)
            label = t("prompts.actions", name=escape_markdown(entry.name))
            on_select = partial(_run_action, user, entry)
            render_menu(label, f"prompt-actions-{entry.id}", actions, lambda name: t(f"prompts.{name}"), on_select)
        if session_state.shared_prompt_id == entry.id:
            sharing.render(user, entry.id)


def _render_description(entry: PromptSummary) -> None:
    if entry.kind == "persona":
        st.image(avatar.avatar_image(entry), width=32, alt="")
    notes = [t("prompts.kind_persona")] if entry.kind == "persona" else []
    notes += [t("prompts.kind_team")] if entry.is_team else []
    heading = f"**{escape_markdown(entry.name)}**" + "".join(f" :gray-badge[{note}]" for note in notes)
    description = f"  \n:small[:gray[{escape_markdown(entry.description)}]]" if entry.description else ""
    st.markdown(heading + description, width="stretch")


def _list_actions(user: User, entry: PromptSummary) -> list[str]:
    if not entry.is_team:
        return ["edit", "duplicate", "share", *(["publish"] if user.is_admin else []), "delete"]
    return [*(["edit"] if user.is_admin else []), "duplicate", "share", *(["delete"] if user.is_admin else [])]


def _use(prompt_id: str) -> None:
    """Start a chat with an entry; a callback."""
    session_state.pending_prompt_id = prompt_id
    row.open_conversation(None)


@shows_errors
def _run_action(user: User, summary: PromptSummary, action: str) -> None:
    entry = resources.store().prompts.get(user.id, summary.id)
    if entry is None:
        flash_warning(t("prompts.gone"))
        return
    match action:
        case "edit":
            editor.open_entry(entry)
        case "duplicate":
            add_copy(user, entry, t("prompts.copy_of", name=entry.name))
        case "share":
            session_state.shared_prompt_id = "" if session_state.shared_prompt_id == entry.id else entry.id
        case "publish":
            _publish(entry)
        case "delete" if entry.is_team:
            _delete_team(entry)
        case "delete":
            resources.store().prompts.delete(user.id, entry.id)
            restore = partial(resources.store().prompts.restore, user.id, entry.id)
            undo.offer(t("prompts.deleted", name=escape_markdown(entry.name)), restore)


def add_copy(user: User, entry: Prompt, name: str) -> None:
    """Add a copy of an entry to the user's own, unless there are too many. Raises StoreError."""
    if editor.is_full(user):
        flash_warning(t("prompts.too_many", count=MAX_PROMPTS))
        return
    resources.store().prompts.save(user.id, copy_prompt(entry, name, time.time()))
    st.toast(t("prompts.added", name=escape_markdown(name)), icon=":material/check:")


@admin_action
def _publish(admin: User, entry: Prompt) -> None:
    """Add a copy of an entry to the team's."""
    resources.store().prompts.save_team(admin, copy_prompt(entry, entry.name, time.time()))
    st.toast(t("prompts.published", name=escape_markdown(entry.name)), icon=":material/check:")


@admin_action
def _delete_team(admin: User, entry: Prompt) -> None:
    resources.store().prompts.delete_team(admin, entry.id)
    restore = partial(_restore_team, entry.id)
    undo.offer(t("prompts.deleted", name=escape_markdown(entry.name)), restore)


@admin_action
def _restore_team(admin: User, prompt_id: str) -> None:
    resources.store().prompts.restore_team(admin, prompt_id)


def _render_examples(user: User, own_names: set[str]) -> None:
    """Render the examples that can be added, in the language of the page, while a user has nothing else."""
    examples = {name: kind for name, kind in _EXAMPLES if t(f"prompts.example_{name}") not in own_names}
    if len(own_names) > len(_EXAMPLES) - len(examples) or not examples:
        return
    st.header(t("prompts.examples"), anchor=False)
    for name, kind in examples.items():
        example = build_prompt(
            kind,
            t(f"prompts.example_{name}"),
            t(f"prompts.example_{name}_text"),
            t(f"prompts.example_{name}_description"),
            avatar=_EXAMPLE_AVATARS.get(name, ""),
        )
        assert example is not None
        with st.container(key=f"prompt-example-{name}", horizontal=True, gap="small", vertical_alignment="center"):
            _render_description(example)
            add = shows_errors(partial(add_copy, user, example, example.name))
            render_button(t("prompts.add"), f"prompt-add-{name}", "add", add, type="secondary", about=example.name)


def render_team_names(user: User) -> None:
    """Render what the team has, and the link to the page that changes it. Raises StoreError."""
    st.markdown(t("prompts.admin_about"))
    names = [entry.name for entry in resources.store().prompts.summaries(user.id) if entry.is_team]
    if names:
        st.markdown("\n".join(f"- {escape_markdown(name)}" for name in names[:_MAX_TEAM_NAMES]))
        if len(names) > _MAX_TEAM_NAMES:
            st.caption(t("prompts.import_more", count=len(names) - _MAX_TEAM_NAMES))
    else:
        st.caption(t("prompts.admin_none"))
    st.page_link(
        PROMPTS_PAGE,
        label=t("prompts.admin_open"),
        icon=":material/library_books:",
        query_params=conversation_view.query_params(),
    )
