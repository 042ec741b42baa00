"""Home of a project: its settings in short, and its chats with a search, above the input for a new one."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.params import changed_params
from lib.core.projects import Project, folder_key
from lib.core.search import SearchFilter
from lib.core.user import User
from lib.ui.history import row, search
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message

_MAX_SHOWN_CHARS = 240  # of the instructions


def render(user: User, project: Project) -> None:
    """Render the home of a project, in place of a new conversation's greeting."""
    with st.container(key="project-home", gap="small"):
        with st.container(key="project-head", horizontal=True, vertical_alignment="center", gap="small"):
            st.title(f":material/folder: {escape_markdown(project.name)}", anchor=False, width="stretch")
            label = t("project.settings")
            render_button(label, "project-settings", "tune", row.open_project_settings, project.name, type="secondary")
        for line in _describe(project):
            st.caption(line)
        name = f"project-{folder_key(project.name)}"
        query = paging.render_search_field(name, t("project.search")).strip()
        try:
            with st.container(key="project-chats", gap=None):
                empty = "" if query else t("project.empty")
                search.render_results(user, query, SearchFilter(folder=project.name), name, empty)
        except StoreError as error:
            st.caption(code_message(error.code))


def _describe(project: Project) -> list[str]:
    """Return the instructions, shortened, and what new chats begin with, as lines of Markdown."""
    text = " ".join(project.instructions.split())
    shortened = text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS].rstrip()}…"
    lines = [escape_markdown(shortened) or t("project.no_instructions")]
    facts = [f"{project.target.model} · {t(f'wire.{project.target.wire}')}"] if project.target else []
    facts += [t(f"param.{name}") for name in changed_params(project.params)]
    if facts:
        lines.append(t("project.starts", facts=escape_markdown(t("list.separator").join(facts))))
    return lines
