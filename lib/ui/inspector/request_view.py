"""Request and response of an attempt: address, headers, body, and what was changed for the wire."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib.chat.exchanges.request_parts import load_files, restore_body
from lib.chat.exchanges.response_facts import pretty_json, request_id_of, response_text
from lib.chat.turns.ports import AttachmentStore
from lib.core.exchanges import HIDDEN_HEADER, KEY_PLACEHOLDER, Attempt, Exchange
from lib.core.images import format_size
from lib.core.user import User
from lib.ui.inspector import literal_table
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_choice, render_download
from lib.ui.widgets.refused_params import adjustment_message

_MAX_SHOWN_CHARS = 100_000  # of a text on the page
# Colors of more take the browser too long, and nobody can reach the end of the page below.
_MAX_COLORED_CHARS, _MAX_COLORED_LINES = 8_000, 80


def render_request(user: User, store: AttachmentStore, exchange: Exchange, attempt: Attempt) -> None:
    """Render what was sent; its files are in the store."""
    st.code(f"{attempt.method} {attempt.url}", language=None, wrap_lines=True)
    _render_adjustments(exchange)
    st.subheader(t("inspector.headers"), anchor=False)
    if KEY_PLACEHOLDER in "".join(attempt.headers.values()):
        st.caption(t("inspector.key_about", name=escape_markdown(KEY_PLACEHOLDER)))
    if HIDDEN_HEADER in attempt.headers.values():
        st.caption(t("inspector.hidden_about", name=escape_markdown(HIDDEN_HEADER)))
    _render_headers(t("inspector.request_headers"), attempt.headers)
    st.subheader(t("inspector.form" if attempt.is_form else "inspector.body"), anchor=False)
    if attempt.omits_body or not attempt.body:
        st.caption(t("inspector.body_omitted" if attempt.omits_body else "inspector.no_body"))
        return
    text = restore_body(attempt, {})
    is_raw = _render_form_choice("inspector-body-form")
    _render_text(t("inspector.body"), text if is_raw else pretty_json(text), is_json=True)

    def write() -> bytes:
        return restore_body(attempt, load_files(store, user.id, attempt)).encode("utf-8", "replace")

    render_download(t("inspector.download_body"), "inspector-request-download", write, "request.json", "text/plain")


def render_response(attempt: Attempt) -> None:
    """Render what was received: status, headers and the body as text."""
    status = t("inspector.no_response") if attempt.status is None else str(attempt.status)
    lines = [f"**{t('inspector.status')}** {status}"]
    if request_id := request_id_of(attempt):
        lines.append(f"**{t('answer.request_id')}** {escape_markdown(request_id)}")
    if attempt.error:
        lines.append(f"**{t('inspector.error')}** {escape_markdown(attempt.error)}")
    st.markdown("  \n".join(lines))
    if attempt.status is None:
        return
    st.subheader(t("inspector.headers"), anchor=False)
    _render_headers(t("inspector.response_headers"), attempt.response_headers)
    st.subheader(t("inspector.body"), anchor=False)
    text = response_text(attempt)
    if not text:
        st.caption(t("inspector.no_body"))
        return
    _render_text(t("inspector.body"), text, is_json=False)
    data = b"".join(chunk.data for chunk in attempt.chunks)
    label = t("inspector.download_response")
    render_download(label, "inspector-response-download", lambda: data, "response.txt", "text/plain")


def _render_adjustments(exchange: Exchange) -> None:
    """Render the parameters that were dropped or changed for the wire, with the reasons."""
    if exchange.adjustments:
        st.subheader(t("inspector.adjustments"), anchor=False)
        messages = (adjustment_message(adjustment, exchange.target) for adjustment in exchange.adjustments)
        st.markdown("\n".join(f"- {escape_markdown(message)}" for message in messages))


def _render_headers(caption: str, headers: Mapping[str, str]) -> None:
    literal_table.render(caption, (t("inspector.name"), t("inspector.value")), headers.items(), "antler-headers")


def _render_form_choice(key: str) -> bool:
    """Render the choice between a formatted text and the text as it was sent; returns True for the latter."""
    choice = render_choice(
        t("inspector.form_of_body"), key, ("pretty", "raw"), lambda name: t(f"inspector.{name}"), default="pretty"
    )
    return choice == "raw"


def _render_text(label: str, text: str, *, is_json: bool) -> None:
    """Render a text, with colors if it is short, else in an area of its own, with its beginning only."""
    if is_json and len(text) <= _MAX_COLORED_CHARS and text.count("\n") < _MAX_COLORED_LINES:
        st.code(text, language="json", wrap_lines=True)
        return
    literal_table.render_text(label, text[:_MAX_SHOWN_CHARS])
    if len(text) > _MAX_SHOWN_CHARS:
        st.caption(t("inspector.cut", shown=format_size(_MAX_SHOWN_CHARS), size=format_size(len(text))))
