"""Status of the open chat's answer outside of the page: the tab's title, screen readers, notifications."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from typing import Any

from lib.chat.context.titles import title_from_reply
from lib.core.conversation import Node, Outcome
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.browser import scripts
from lib.ui.chat.answer_text import outcome_message
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t
from lib.ui.widgets import errors

_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,}).*$", re.MULTILINE)
_EXCERPT_SOURCE_CHARS = 2_000
_component = scripts.load("answer_status")


def render(view: ConversationView) -> None:
    """Render the status before the messages, so that it is there while the answer arrives."""
    last = view.nodes[-1] if view.nodes else None
    answer = last if last and last.message.role == "assistant" else None
    title = view.conversation.title if view.conversation else ""
    _render("live-status", view, title, answer)


def render_end(user: User, view: ConversationView) -> None:
    """Render the status of an answer that has just ended, with the title that the chat may have been given."""
    title = view.conversation.title if view.conversation else ""
    with contextlib.suppress(StoreError):
        stored = services.current_store().conversations.get(user.id, view.conversation_id or "")
        title = stored.title if stored else title
    _render("live-status-end", view, title, view.nodes[-1])


def render_title(title: str) -> None:
    """Render the tab's title of a page without a chat."""
    _component(key="live-status", data={"nonce": secrets.token_hex(4), "title": title})


def _render(key: str, view: ConversationView, title: str, answer: Node | None) -> None:
    # Not the title of a temporary chat: browsers keep titles in their history.
    shown_title = t("temporary.off") if session_state.temporary_store else title
    data = {
        # The browser tells a new rendering from an earlier one that it is given again.
        "nonce": secrets.token_hex(4),
        "title": shown_title or "Antler",
        "conversation": view.conversation_id or "",
        "answer": _describe(answer) if answer else None,
    }
    _component(key=key, data=data)


def _describe(answer: Node) -> dict[str, Any]:
    return {
        "id": answer.id,
        "state": "arriving" if answer.arriving else "ended",
        "age": max(0.0, time.time() - answer.created_at),
        "message": announcement(answer),
        "excerpt": excerpt(answer),
        "is_complete": answer.outcome is Outcome.COMPLETE,
        "is_stopped": answer.outcome is Outcome.STOPPED,
    }


def excerpt(answer: Node) -> str:
    """Return the first words of an answer for a notification, "" in a temporary chat: systems keep notifications."""
    if answer.arriving or session_state.temporary_store:
        return ""
    return title_from_reply(_FENCE.sub("", answer.message.text[:_EXCERPT_SOURCE_CHARS]))


def announcement(answer: Node) -> str:
    """Return what a screen reader says at the start or the end of an answer, without Markdown."""
    match answer.outcome:
        case Outcome.ARRIVING:
            return t("announce.started")
        case Outcome.COMPLETE if not outcome_message(answer):
            return t("announce.complete")
        case Outcome.STOPPED:
            return t("announce.stopped")
        case Outcome.FAILED:
            code = answer.failure.code if answer.failure else "unexpected"
            return t("announce.failed", reason=errors.code_message(code))
        case _:
            return t("announce.incomplete", reason=_ESCAPE.sub("", outcome_message(answer)))
