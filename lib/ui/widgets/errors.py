"""Error messages: one sentence for the user, with the gateway's own text in an expander."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from lib.core.attachment_errors import FileNotSendable
from lib.core.conversation import Failure
from lib.core.errors import (
    AnswerError,
    AntlerError,
    AttachmentError,
    ContextTooLong,
    EndpointNotFound,
    GatewayError,
    InputUnsupported,
    InvalidRequest,
    InvalidResponse,
    LimitExceededError,
    ModelNotFound,
    RequestTooLarge,
)
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, has_message, limit_text, t

P = ParamSpec("P")
log = logging.getLogger(__name__)
# Errors whose sentence points to the gateway's own words.
_QUOTED_CODES = (GatewayError.code, InvalidRequest.code, InvalidResponse.code, InputUnsupported.code)

# Of audio requests, where the general sentence is about a chat: its length, its model, its API format.
_VOICE_MESSAGES: dict[type[AntlerError], str] = {
    ModelNotFound: "voice.no_model",
    EndpointNotFound: "voice.no_route",
    RequestTooLarge: "error.recording_too_long",
    InvalidResponse: "voice.unreadable",
}
_QUOTED_VOICE_ERRORS = (GatewayError, InvalidRequest, ContextTooLong)
_MAX_QUOTE = 200  # characters


def render(failure: Failure | None, *, is_empty: bool) -> None:
    """Render the failure of an answer; `is_empty` when nothing of it has arrived."""
    code = failure.code if failure else "unexpected"
    variant = f"{code}_silent"
    use_variant = is_empty and has_message(f"error.{variant}")
    st.error(code_message(variant if use_variant else code), icon=":material/error:")
    if failure and failure.retry_after:
        st.caption(t("answer.retry_after", time=limit_text.format_duration(failure.retry_after)))
    if failure and failure.code in _QUOTED_CODES:
        _render_quote(failure)
    else:
        render_details(failure)


def _render_quote(failure: Failure) -> None:
    """Render the gateway's own text in the open, where our sentence points to it, with status and request id."""
    # Preformatted: the text is untrusted.
    st.code(failure.detail or t("answer.no_message"), language=None, wrap_lines=True)
    facts = [t("answer.status", status=failure.status)] if failure.status else []
    if failure.request_id:
        facts.append(f"{t('answer.request_id')} {escape_markdown(failure.request_id)}")
    if facts:
        st.caption(" · ".join(facts))


def render_details(failure: Failure | None) -> None:
    """Render the gateway's own text, status and request id in an expander, if there are any."""
    if failure is not None and (failure.detail or failure.status or failure.request_id):
        with st.expander(t("answer.details"), type="compact"):
            # Preformatted: the text is untrusted.
            st.code(failure.detail or t("answer.no_message"), language=None, wrap_lines=True)
            if failure.status:
                st.caption(t("answer.status", status=failure.status))
            if failure.request_id:
                st.caption(t("answer.request_id"))
                st.code(failure.request_id, language=None)


def shows_errors(action: Callable[P, None]) -> Callable[P, None]:
    """Make a callback show an AntlerError as a warning in place of ending the run."""

    @wraps(action)
    def run_and_show_errors(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(*args, **kwargs)
        except AntlerError as error:
            flash_warning(error_message(error))

    return run_and_show_errors


def flash_warning(message: str) -> None:
    """Show a warning once, in the next run."""
    session_state.flash_warning = message


def render_flash_warning() -> None:
    """Render the warning of the last run and forget it."""
    if session_state.flash_warning:
        st.warning(escape_markdown(session_state.flash_warning), icon=":material/info:")
        del session_state.flash_warning


def error_message(error: AntlerError) -> str:
    """Return the message for an error, with the amounts of a limit or the name of a file; without Markdown."""
    if isinstance(error, FileNotSendable):
        reason = t(f"file.reason.{error.values['reason']}", **error.values)
        return t(f"error.{error.code}", name=error.name, reason=reason)
    if isinstance(error, AttachmentError):
        return t(f"error.{error.code}", name=error.name, **error.values)
    return (
        limit_text.limit_exceeded_message(error) if isinstance(error, LimitExceededError) else code_message(error.code)
    )


def voice_error_message(error: AntlerError) -> str:
    """Return the message for a failed audio request, with the gateway's own words where they say more than ours."""
    if key := _VOICE_MESSAGES.get(type(error)):
        return t(key)
    if isinstance(error, AnswerError) and type(error) in _QUOTED_VOICE_ERRORS and error.detail:
        return t("voice.refused", detail=" ".join(error.detail.split())[:_MAX_QUOTE])
    return error_message(error)


def code_message(code: str) -> str:
    """Return the message for an error code; an unknown code counts as unexpected."""
    key = f"error.{code}"
    return t(key if has_message(key) else "error.unexpected", saved=saved_note())


def saved_note() -> str:
    """Say if the text of an incomplete answer is saved, for messages with a `saved` placeholder."""
    return t("answer.not_saved" if session_state.temporary_store else "answer.saved")


def retry_reason(code: str) -> str:
    """Say in a few words why a request is retried."""
    key = f"retry_reason.{code}"
    return t(key if has_message(key) else "retry_reason.other")


def on_script_error(error: Exception) -> bool:
    """Render the error that ended a run: a message for an AntlerError, else a reference to the log."""
    if isinstance(error, AntlerError):
        log.warning("a run ended: %s", error.code)
        is_about_file = isinstance(error, AttachmentError)
        message = escape_markdown(error_message(error)) if is_about_file else code_message(error.code)
        st.error(message, icon=":material/error:")
    else:
        reference = secrets.token_hex(4)
        log.error("a run failed, %s", reference, exc_info=error)
        st.error(t("error.page", reference=reference), icon=":material/error:")
    return True
