"""Drafts and submissions: the browser keeps text until it is sent, and questions until the server has stored them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import streamlit as st

from lib.core.user import User
from lib.ui.browser.component import declare
from lib.ui.files.tray import FileReference, parse_references
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.errors import flash_warning

MAX_URL_QUESTION_LENGTH = 10_000  # characters of a question in the URL
_MAX_RESULTS = 50  # submissions whose result the browser is told
_COMPONENT_KEY = "drafts"
_KEY_PATTERN = re.compile(r"[0-9a-f]{32}")
_SCRIPTS = ("draft_storage", "sent_question", "submissions", "drafts")
_component = declare("drafts", __file__, *_SCRIPTS, html='<div role="status" hidden></div>')


@dataclass(frozen=True)
class Submission:
    """A question that the browser has submitted: its idempotency key, where it was typed, and its files."""

    key: str
    slot: str
    text: str
    files: tuple[FileReference, ...] = ()


def render(user: User, send: Callable[[Submission], bool]) -> None:
    """Render the component beside the message input; `send` is called with what it has submitted."""
    if text := st.query_params.pop("q", ""):
        prefill(text[:MAX_URL_QUESTION_LENGTH])
    view = conversation_view.current_view()
    if not session_state.draft_session:
        session_state.draft_session = secrets.token_hex(8)
    data = {
        "user": services.user_tag(user),
        "session": session_state.draft_session,
        "slot": conversation_view.draft_slot(),
        "isEmpty": not view.nodes,
        "results": [[key, *result] for key, result in session_state.submission_results.items()],
        "prefill": list(session_state.prefill),
        "isInline": session_state.is_prefill_inline,
        "moves": [list(move) for move in session_state.draft_moves],
        "erasure": session_state.draft_erasure,
        "sending": t("composer.sending"),
        "attaches": resources.settings().files.is_allowed,
    }
    _component(key=_COMPONENT_KEY, data=data, on_questions_change=lambda: _receive(send))


def render_erasure(user: User) -> None:
    """Render the component on a page without a message input: it removes the texts when the user has asked for that."""
    _component(key=_COMPONENT_KEY, data={"user": services.user_tag(user), "erasure": session_state.draft_erasure})


def prefill(text: str) -> None:
    """Put text into the message input, after what has been typed there."""
    session_state.prefill = secrets.token_hex(8), text
    session_state.is_prefill_inline = False


def append(text: str) -> None:
    """Put text into the message input, in the line of what has been typed there."""
    prefill(text)
    session_state.is_prefill_inline = True


def _receive(send: Callable[[Submission], bool]) -> None:
    """Handle the first submission without a result; a callback. The browser sends the others again after it."""
    results = session_state.submission_results
    response = session_state.widget(_COMPONENT_KEY)
    received = response.get("questions") if isinstance(response, dict) else None
    submission = next((submission for submission in parse_submissions(received) if submission.key not in results), None)
    if submission is None:
        return
    slot = conversation_view.draft_slot()
    # The second of two questions in a new chat follows the first into its conversation.
    if conversation_view.follow_slot(submission.slot) != slot:
        flash_warning(t("composer.other_chat"))
        is_stored = False
    else:
        is_stored = send(submission)
    stored_in = slot if session_state.temporary_store else st.query_params.get("c", slot)
    results = {**results, submission.key: ("stored" if is_stored else "refused", stored_in, submission.slot)}
    session_state.submission_results = dict(list(results.items())[-_MAX_RESULTS:])


def parse_submissions(received: object) -> Iterator[Submission]:
    """Yield the submissions in a browser's response, without anything that the component itself would not send."""
    for item in received if isinstance(received, list) else []:
        fields = item if isinstance(item, dict) else {}
        key, slot, text = fields.get("key"), fields.get("slot"), fields.get("text")
        if isinstance(key, str) and isinstance(slot, str) and isinstance(text, str) and _KEY_PATTERN.fullmatch(key):
            yield Submission(key, slot, text, tuple(parse_references(fields.get("files"))))
