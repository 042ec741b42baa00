"""Replays: a bug report that is opened as a conversation, and recordings that a link plays in a temporary chat."""

from __future__ import annotations

import contextlib

import streamlit as st

from lib import transfer
from lib.chat.turns import replays
from lib.core.errors import AntlerError, AttachmentTooLarge, FileQuotaExceeded, TransferError
from lib.core.exchanges import Exchange
from lib.core.user import User
from lib.ui.session import audit, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import current_language, has_message, t
from lib.ui.widgets import errors, navigation

PARAMETER = "replay"  # of the URL: the name of a recording
_TOURS = {"zh": "tour-zh"}  # by language
_DEFAULT_TOUR = "tour"


def open_report(user: User, data: bytes) -> None:
    """Open the exchange of a bug report as a conversation of the history. Raises AntlerError."""
    report = transfer.read_exchange(data)
    services.end_temporary()
    _store_files(user, report)
    open_exchange(user, report.exchange)
    audit.record(user, "import", "replay")


def open_exchange(user: User, exchange: Exchange) -> None:
    """Play an exchange as a conversation of the history, which the next run of `follow` opens. Raises AntlerError."""
    conversation = replays.replay(services.turn_services(), user.id, exchange, t("replay.no_question"))
    session_state.opened_replay_id = conversation.id


def follow() -> None:
    """Show the conversation that a click has opened; on other pages than that of the chat, this ends the run."""
    if conversation_id := session_state.opened_replay_id:
        del session_state.opened_replay_id
        if session_state.is_chat_page:
            st.query_params.from_dict({"c": conversation_id})
        else:
            st.switch_page(navigation.CHAT_PAGE, query_params={"c": conversation_id})


def play_linked(user: User) -> None:
    """Play the recording that the URL names, once: the name leaves the URL, so that a rerun does not play it again."""
    if name := st.query_params.get(PARAMETER):
        st.query_params.clear()
        play(user, name)


def play_tour(user: User) -> None:
    """Play the tour of the demo in the user's language; a callback."""
    play(user, _TOURS.get(current_language(), _DEFAULT_TOUR))


def play(user: User, name: str) -> None:
    """Play a recording in a temporary chat, or show why it cannot be played.

    A link can be opened again and again, by everybody who may open the app: it leaves nothing in the history.
    """
    try:
        report = resources.find_recording(name)
        if report is None:
            errors.flash_warning(t("replay.unknown", name=name[:80]))
            return
        services.end_temporary()
        services.start_temporary(user.id)
        st.query_params.clear()
        replays.replay(services.turn_services(), user.id, report.exchange, t("replay.no_question"))
    except TransferError as error:
        errors.flash_warning(transfer_error_message(error))
    except AntlerError as error:
        errors.flash_warning(errors.error_message(error))


def transfer_error_message(error: TransferError) -> str:
    """Return the message for a file that cannot be imported."""
    key = f"import.error.{error.reason}"
    return f"{t('error.import')} {t(key, location=error.location)}" if has_message(key) else t("error.import")


def _store_files(user: User, report: transfer.ExchangeReport) -> None:
    """Store the files of a report, which the question shows; one without room is only named."""
    for file in report.files.values():
        with contextlib.suppress(AttachmentTooLarge, FileQuotaExceeded):
            resources.store().attachments.put(user.id, file)
