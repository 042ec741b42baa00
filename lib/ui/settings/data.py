"""Data section of the settings: export, import and erasure of all conversations."""

from __future__ import annotations

import secrets
import time

import streamlit as st

from lib import transfer
from lib.core.errors import TooManyPrompts, TransferError
from lib.core.images import format_size
from lib.core.user import User
from lib.ui.session import audit, resources
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors, exchange_actions, replays, undo
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import shows_errors

_FILE_KEY = "import.file"


def render(user: User) -> None:
    """Render the section."""
    replays.follow()
    st.header(t("settings.data"), anchor=False)
    st.markdown(t("data.export_about"))
    # Without files it is one readable text.
    file_bytes = resources.store().attachments.total_bytes(user.id)
    extension = "zip" if file_bytes or resources.store().exchanges.recent(user.id, 1) else "json"
    if file_bytes > transfer.MAX_ARCHIVE_BYTES:
        st.caption(t("data.export_limit", size=format_size(transfer.MAX_ARCHIVE_BYTES)))
    name = f"antler-{time.strftime('%Y-%m-%d')}.{extension}"
    render_download(t("data.export"), "export", lambda: _export_all(user, extension), name, f"application/{extension}")
    _render_import(user)
    _render_erase(user)


def _export_all(user: User, extension: str) -> bytes:
    store = resources.store()
    records, prompts = store.conversations.export_all(user.id), store.prompts.export_all(user.id)
    projects, comparisons = store.projects.export_all(user.id), store.comparisons.export_all(user.id)
    columns = store.conversations.export_all(user.id, has_columns=True)
    if extension == "zip":
        exchanges = transfer.list_members(store.exchanges.export_all(user.id), exchange_actions.list_versions())
        export = transfer.write_archive(
            store.attachments,
            user.id,
            records,
            prompts,
            projects,
            comparisons=comparisons,
            columns=columns,
            members=exchanges,
        )
    else:
        written = transfer.write_export(records, prompts, projects, comparisons=comparisons, columns=columns)
        export = b"".join(written)
    audit.record(user, "export", "everything")
    return export


def _render_import(user: User) -> None:
    st.markdown(t("data.import_about"))
    # A new key after each import empties the uploader.
    key = f"{_FILE_KEY}-{session_state.import_count}"
    file = st.file_uploader(t("data.import"), type=["json", "zip"], key=key, label_visibility="collapsed")
    if file is not None:
        render_button(t("data.import_do"), "import", "upload", _import_file, user, key, type="primary")
    for line in session_state.import_report:
        st.markdown(line)


@shows_errors
def _import_file(user: User, file_key: str) -> None:
    file = session_state.widget(file_key)
    session_state.import_report = ()
    try:
        if transfer.is_exchange_archive(file.getvalue()):
            replays.open_report(user, file.getvalue())
            session_state.import_count += 1
            return
        loaded = transfer.replace_existing_ids(
            transfer.parse_export(file.getvalue()), resources.store().conversations.existing_ids
        )
        loaded = transfer.import_files(file.getvalue(), loaded, resources.store().attachments, user.id)
    except TransferError as error:
        errors.flash_warning(replays.transfer_error_message(error))
        return
    # Before the conversations, which would make folders that keep what they have.
    kept_count = resources.store().projects.import_all(user.id, loaded.projects)
    resources.store().conversations.import_all(user.id, loaded.conversations, loaded.comparisons)
    exchanges = transfer.RecordedExchanges(file.getvalue(), loaded)
    if resources.settings().recording.max_bytes:
        resources.store().exchanges.import_all(user.id, exchanges)
    prompts = transfer.replace_existing_prompt_ids(loaded.prompts, resources.store().prompts.existing_ids)
    try:
        resources.store().prompts.import_all(user.id, prompts)
        prompt_line = t("prompts.imported", count=len(prompts)) if prompts else ""
    except TooManyPrompts as error:
        prompt_line = errors.code_message(error.code)
    audit.record(user, "import", loaded.report.source, conversations=loaded.report.conversation_count)
    session_state.import_count += 1
    session_state.import_report = tuple(_report_lines(loaded, kept_count, prompt_line, exchanges))


def _report_lines(
    loaded: transfer.ImportResult, kept_count: int, prompt_line: str, exchanges: transfer.RecordedExchanges
) -> list[str]:
    """Return the result of an import as lines of Markdown."""
    report = loaded.report
    source = t(f"source.{report.source}")
    chats = t("count.chats", count=report.conversation_count)
    messages = t("count.messages", count=report.message_count)
    lines = [t("import.done", source=source, chats=chats, messages=messages)]
    if loaded.comparisons:
        lines.append(t("import.comparisons", count=len(loaded.comparisons)))
    if exchanges.count:
        lines.append(t("import.exchanges", count=exchanges.count))
    if prompt_line:
        lines.append(prompt_line)
    if imported_count := len(loaded.projects) - kept_count:
        lines.append(t("project.imported", count=imported_count))
    if kept_count:
        lines.append(t("project.kept", count=kept_count))
    issues = {**report.issues, **({"exchange": exchanges.left_out} if exchanges.left_out else {})}
    if issues:
        skipped = (t(f"import.skipped.{code}", count=count) for code, count in issues.items())
        lines.append("\n".join([t("import.issues"), "", *(f"- {line}" for line in skipped)]))
    if report.replaced_id_count:
        lines.append(t("import.renamed", count=report.replaced_id_count))
    return lines


def _render_erase(user: User) -> None:
    st.markdown(t("data.erase_about"))
    is_confirmed = st.checkbox(t("data.erase_sure"), key="erase-sure")
    render_button(
        t("data.erase"), "erase", "delete_forever", _erase_all, user, type="secondary", disabled=not is_confirmed
    )


@shows_errors
def _erase_all(user: User) -> None:
    resources.generations().stop_all(user.id)
    resources.gateway_checks().stop(user.id)
    resources.store().users.delete_data(user.id)
    audit.record(User(user.id), "erase")
    del session_state.share_tokens
    del session_state.view
    del session_state.inspection
    del session_state.opened_exchange
    undo.dismiss()
    session_state.set_widget("erase-sure", False)
    st.query_params.clear()
    session_state.draft_erasure = secrets.token_hex(8)
    session_state.import_report = (t("data.erased"),)
