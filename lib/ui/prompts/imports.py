"""Import of prompts from a file or a link, with a preview, and export of all."""

from __future__ import annotations

import time
from dataclasses import replace

import streamlit as st

from lib import transfer
from lib.core.errors import TransferError
from lib.core.params import changed_params
from lib.core.prompts import Prompt
from lib.core.user import User
from lib.transfer import prompt_files, share_links
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, has_message, t
from lib.ui.widgets import avatar
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import flash_warning, shows_errors

_TOKEN = "p"
_MAX_PREVIEWS = 20  # entries shown in full before an import


def render(user: User) -> None:
    """Render the popover to import a file, and to export all own entries."""
    with st.popover(t("prompts.transfer"), icon=":material/swap_vert:", key="prompts-transfer"):
        st.markdown(t("prompts.import_about"))
        key = f"prompts-file-{session_state.prompt_import_count}"
        types = ["json", "txt", "md"]
        file = st.file_uploader(t("prompts.import"), type=types, key=key, label_visibility="collapsed")
        if file is not None:
            render_button(t("prompts.preview"), "prompts-import", "upload", _read_file, key, type="primary")
        name = f"antler-prompts-{time.strftime('%Y-%m-%d')}.json"
        render_download(t("prompts.export"), "prompts-export", lambda: _export_all(user), name, "application/json")


def open_link() -> None:
    """Read the entry behind the link that the page was opened with, once. Raises StoreError."""
    token = st.query_params.get(_TOKEN, "")
    if not token:
        return
    del st.query_params[_TOKEN]
    entries = share_links.read_prompt_link(resources.store().prompts, token)
    if entries:
        session_state.imported_prompts = tuple(entries)
    else:
        st.warning(t("prompts.no_link"), icon=":material/link_off:")


def render_preview(user: User) -> None:
    """Render the entries to be imported; nothing of them has an effect before the user agrees."""
    entries = session_state.imported_prompts
    st.header(t("prompts.import_count", count=len(entries)), anchor=False)
    st.caption(t("prompts.import_check"))
    for number, entry in enumerate(entries[:_MAX_PREVIEWS]):
        _render_entry(number, entry)
    if len(entries) > _MAX_PREVIEWS:
        st.caption(t("prompts.import_more", count=len(entries) - _MAX_PREVIEWS))
    with st.container(horizontal=True, gap="small"):
        render_button(t("prompts.import_do"), "prompts-import-do", "add", _import, user, type="primary")
        render_button(t("prompts.cancel"), "prompts-import-cancel", "", _cancel, type="secondary")


def _render_entry(number: int, entry: Prompt) -> None:
    with st.container(key=f"prompt-preview-{number}", border=True, gap="small"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if entry.kind == "persona":
                st.image(avatar.avatar_image(entry), width=32, alt="")
            st.markdown(f"**{escape_markdown(entry.name)}** :gray-badge[{t(f'prompts.kind_{entry.kind}')}]")
        for text in filter(None, (entry.description, entry.greeting, *entry.suggestions)):
            st.caption(escape_markdown(text))
        # Preformatted: the text is untrusted.
        st.code(entry.text, language=None, wrap_lines=True, height=200 if len(entry.text) > 600 else "content")
        facts = [f"{entry.target.model} · {t(f'wire.{entry.target.wire}')}"] if entry.target else []
        facts += [t(f"param.{name}") for name in changed_params(entry.params)]
        if facts:
            st.caption(escape_markdown(t("prompts.sets", names=t("list.separator").join(facts))))


@shows_errors
def _read_file(key: str) -> None:
    file = session_state.widget(key)
    session_state.prompt_import_count += 1
    try:
        session_state.imported_prompts = tuple(prompt_files.parse_prompt_file(file.getvalue(), file.name))
    except TransferError as error:
        name = f"import.error.{error.reason}"
        detail = t(name, location=error.location) if has_message(name) else ""
        flash_warning(f"{t('prompts.import_failed')} {detail}".strip())


@shows_errors
def _import(user: User) -> None:
    store, now = resources.store().prompts, time.time()
    entries = transfer.replace_existing_prompt_ids(session_state.imported_prompts, store.existing_ids)
    store.import_all(user.id, [replace(entry, created_at=entry.created_at or now) for entry in entries])
    audit.record(user, "import", "prompts", prompts=len(entries))
    st.toast(t("prompts.imported", count=len(entries)), icon=":material/check:")
    _cancel()


def _cancel() -> None:
    session_state.imported_prompts = ()


def _export_all(user: User) -> bytes:
    audit.record(user, "export", "prompts")
    return b"".join(transfer.write_export([], resources.store().prompts.export_all(user.id)))
