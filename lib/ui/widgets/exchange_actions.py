"""Actions on a recorded exchange: its bug report, another play of it, and the replay of a bug report."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version

import streamlit as st

from lib import transfer
from lib.chat.turns.ports import TurnStore
from lib.config.version import VERSION
from lib.core.errors import TransferError
from lib.core.exchanges import Exchange
from lib.core.user import User
from lib.ui.session import audit
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors, replays
from lib.ui.widgets.controls import render_button, render_download
from lib.ui.widgets.errors import shows_errors

_LIBRARIES = ("streamlit", "requests", "urllib3")


def render(user: User, exchange: Exchange, store: TurnStore) -> None:
    """Render the buttons for a bug report and for another play; also in a dialog, which a play closes.

    The files of the exchange are in the store.
    """
    if session_state.opened_replay_id:
        st.rerun()
    with st.container(key=f"exchange-actions-{exchange.id}", horizontal=True, gap="small"):
        if not session_state.temporary_store:  # a temporary chat is one conversation, and must not be saved
            render_button(t("replay.again"), f"play-{exchange.id}", "play_circle", _play_again, user, exchange)
        with st.popover(
            t("bug_report.title"), icon=":material/bug_report:", type="tertiary", key=f"report-{exchange.id}"
        ):
            _render_bug_report(user, exchange, store)


def _render_bug_report(user: User, exchange: Exchange, store: TurnStore) -> None:
    """Render what a bug report contains, and its download."""
    st.markdown(t("bug_report.about"))
    digests = sorted({file.digest for attempt in exchange.attempts for file in attempt.files})
    has_files = bool(digests) and st.checkbox(t("bug_report.files", count=len(digests)), key=f"files-{exchange.id}")

    def write() -> bytes:
        files = store.attachments.contents(user.id, digests) if has_files else {}
        audit.record(user, "export", "bug report")
        return transfer.write_exchange(exchange, list_versions(), files)

    moment = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime(exchange.started_at))
    name = f"antler-bug-report-{moment}.zip"
    render_download(t("bug_report.download"), f"download-{exchange.id}", write, name, "application/zip")


def render_import(user: User) -> None:
    """Render the choice of a bug report, which is played as a chat."""
    # A new key after each import empties the uploader.
    key = f"replay.file-{session_state.import_count}"
    file = st.file_uploader(t("replay.file"), type=["zip"], key=key)
    if file is not None:
        render_button(t("replay.play"), "replay-play", "play_circle", _open_file, user, key, type="primary")


@shows_errors
def _open_file(user: User, file_key: str) -> None:
    file = session_state.widget(file_key)
    try:
        replays.open_report(user, file.getvalue())
        session_state.import_count += 1
    except TransferError as error:
        errors.flash_warning(replays.transfer_error_message(error))


@shows_errors
def _play_again(user: User, exchange: Exchange) -> None:
    replays.open_exchange(user, exchange)


def list_versions() -> dict[str, str]:
    """Return the versions of the programs that have recorded an exchange, or at least write it down."""
    return {"antler": VERSION, "python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
