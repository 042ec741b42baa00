"""Editor of a project: name, instructions, and what new chats begin with; what is typed stays on other pages."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from lib.core.projects import (
    MAX_INSTRUCTIONS_CHARS,
    MAX_NAME_CHARS,
    MAX_PROJECTS,
    Project,
    build_project,
    folder_key,
)
from lib.core.user import User
from lib.ui.history import conversation_actions, row
from lib.ui.session import conversation_view, resources
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import request_fields, undo
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import flash_warning, shows_errors
from lib.ui.widgets.navigation import CHAT_PAGE


def render(user: User, project: Project) -> None:
    """Render the settings of a folder; one without a name is new."""
    key = _open(project)
    st.text_input(
        t("project.name"),
        key=f"{key}-name",
        # A folder of an imported chat may have a longer name.
        max_chars=max(MAX_NAME_CHARS, len(project.name)),
        placeholder=t("project.name_example"),
        persist_state="session",
    )
    st.text_area(
        t("project.instructions"),
        key=f"{key}-instructions",
        height=220,
        max_chars=MAX_INSTRUCTIONS_CHARS,
        placeholder=t("project.instructions_example"),
        persist_state="session",
    )
    st.caption(t("project.instructions_about"))
    st.header(t("project.start_with"), anchor=False)
    st.caption(t("project.start_about"))
    request_fields.render_target(user, key)
    with st.expander(t("composer.params"), key=f"{key}-params", icon=":material/tune:"):
        request_fields.render_params(key, request_fields.FIELDS_WITHOUT_SYSTEM)
    with st.container(key="project-buttons", horizontal=True, gap="small"):
        label = t("project.save" if project.name else "project.create")
        render_button(label, "project-save", "", _save, user, project, type="primary")
        render_button(t("project.cancel"), "project-cancel", "", _cancel, project, type="secondary")


def _key(project: Project) -> str:
    return f"project-{folder_key(project.name)}" if project.name else "project-new"


def _open(project: Project) -> str:
    """Fill the fields, unless something is typed in them that is not saved; returns the beginning of their keys."""
    key, opened = _key(project), session_state.edited_projects
    if key not in opened or (opened[key] != project and _read(key, opened[key])[0] == opened[key]):
        session_state.set_widget(f"{key}-name", project.name)
        session_state.set_widget(f"{key}-instructions", project.instructions)
        request_fields.set_values(key, project.target, project.params)
        session_state.edited_projects = {**opened, key: project}
    return key


def _close(project: Project) -> None:
    session_state.edited_projects = {
        key: opened for key, opened in session_state.edited_projects.items() if key != _key(project)
    }


def _read(key: str, opened: Project) -> tuple[Project | None, str]:
    """Return the project as it was typed, or None with the reason why it cannot be saved."""
    name = str(session_state.widget(f"{key}-name") or "")
    params, problem = request_fields.read_params(key, request_fields.FIELDS_WITHOUT_SYSTEM)
    if problem:
        return None, problem
    project = build_project(
        name,
        str(session_state.widget(f"{key}-instructions") or ""),
        target=request_fields.read_target(key),
        params=params,
        created_at=opened.created_at,
        updated_at=opened.updated_at,
    )
    if project and name == opened.name:
        project = replace(project, name=name)
    return project, "" if project else t("project.blank")


@shows_errors
def _save(user: User, project: Project) -> None:
    """Save the settings and show the project, or show the reason why not; a callback."""
    store, key = resources.store().projects, _key(project)
    edited, problem = _read(key, session_state.edited_projects.get(key, project))
    if edited and edited.name != project.name and store.get(user.id, edited.name):
        problem = t("project.exists", name=edited.name)
    elif edited and not project.created_at and len(store.export_all(user.id)) >= MAX_PROJECTS:
        problem = t("project.too_many", count=MAX_PROJECTS)
    if edited is None or problem:
        flash_warning(problem)
        return
    undo.dismiss()
    if project.name:
        conversation_actions.rename_folder(user, project.name, edited.name)
    now = time.time()
    store.save(user.id, replace(edited, created_at=project.created_at or now, updated_at=now))
    _close(project)
    # A new chat begins with what has just been saved.
    del session_state.target_source
    del session_state.param_widgets_source
    st.toast(t("admin.saved"), icon=":material/check:")
    _show(edited.name)


def _cancel(project: Project) -> None:
    _close(project)
    _show(project.name)


def _show(name: str) -> None:
    """Show the conversation that the page was opened from, else the project."""
    if conversation := st.query_params.get("c"):
        st.switch_page(CHAT_PAGE, query_params={"c": conversation})
    elif name:
        row.open_new_chat(name)
    else:
        st.switch_page(CHAT_PAGE, query_params=conversation_view.query_params())
