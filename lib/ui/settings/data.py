"""A person's own data: all of it as a file, back from one, and gone for good."""

from __future__ import annotations

import time

import streamlit as st

from lib import transfer
from lib.core.errors import TransferError
from lib.core.user import Person
from lib.ui.session import audit, resources
from lib.ui.text.i18n import LANGUAGES, t
from lib.ui.widgets import errors, undo
from lib.ui.widgets.errors import tried

_REPORT = "import.report"
_FILE = "import.file"


def paint(person: Person) -> None:
    """Export, import and the end of everything."""
    st.markdown(t("data.export_about"))
    name = f"antler-{time.strftime('%Y-%m-%d')}.json"
    st.download_button(
        t("data.export"),
        lambda: _everything(person),
        name,
        "application/json",
        key="export",
        icon=":material/download:",
        on_click="ignore",
    )
    _import(person)
    _erase(person)


def _everything(person: Person) -> bytes:
    found = b"".join(transfer.write(resources.store().everything(person.id)))
    audit.note(person, "export", "everything")
    return found


def _import(person: Person) -> None:
    st.markdown(t("data.import_about"))
    # The box is emptied after each import by taking a new key.
    key = f"{_FILE}-{st.session_state.setdefault('imports', 0)}"
    file = st.file_uploader(t("data.import"), type=["json", "zip"], key=key, label_visibility="collapsed")
    if file is not None:
        args = (person, key)
        st.button(
            t("data.import_do"),
            key="import",
            type="primary",
            icon=":material/upload:",
            on_click=_read,
            args=args,
        )
    for line in st.session_state.get(_REPORT, ()):
        st.markdown(line)


@tried
def _read(person: Person, key: str) -> None:
    file = st.session_state[key]
    st.session_state[_REPORT] = []
    try:
        loaded = transfer.fresh(transfer.read(file.getvalue()), resources.store().taken)
    except TransferError as error:
        errors.refuse(_why(error))
        return
    resources.store().take_in(person.id, loaded.conversations)
    audit.note(person, "import", loaded.report.source, conversations=loaded.report.conversations)
    st.session_state["imports"] += 1
    st.session_state[_REPORT] = list(_report(loaded.report))


def _why(error: TransferError) -> str:
    name = f"import.why.{error.why}"
    return (
        f"{t('error.import')} {t(name, place=error.place)}" if name in LANGUAGES["en"] else t("error.import")
    )


def _report(report: transfer.Report) -> list[str]:
    """What came of an import, a line each."""
    source = t(f"source.{report.source}")
    lines = [t("import.done", source=source, count=report.conversations, messages=report.messages)]
    if report.skipped:
        skipped = (t(f"import.skipped.{code}", count=count) for code, count in report.skipped.items())
        lines.append("\n".join([t("import.left"), "", *(f"- {words}" for words in skipped)]))
    if report.renamed_ids:
        lines.append(t("import.renamed", count=report.renamed_ids))
    return lines


def _erase(person: Person) -> None:
    st.markdown(t("data.erase_about"))
    sure = st.checkbox(t("data.erase_sure"), key="erase-sure")
    st.button(
        t("data.erase"),
        key="erase",
        icon=":material/delete_forever:",
        disabled=not sure,
        on_click=_erased,
        args=(person,),
    )


@tried
def _erased(person: Person) -> None:
    resources.answers().stop_all(person.id)
    resources.store().erase(person.id)
    audit.note(Person(person.id), "erase")
    for name in ("shares", _REPORT, "view"):
        st.session_state.pop(name, None)
    undo.forget()
    st.session_state["erase-sure"] = False
    st.query_params.clear()
    st.session_state[_REPORT] = [t("data.erased")]
