"""Diagnosis of the prompt cache of an answer: a dialog with the cause of a miss, its cost, and what to change."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from lib.chat.exchanges.answer_cache import AnswerDiagnosis, diagnose_answer
from lib.chat.exchanges.cache_diagnosis import USUAL_MINIMUM, CacheDiagnosis
from lib.core.conversation import Node
from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.session import services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_literal, has_message, t
from lib.ui.text.limit_text import format_dollars, format_duration
from lib.ui.widgets import errors, table

_ICONS = {"hit": "check_circle", "partial": "contrast", "miss": "cancel", "unreported": "help"}


def has_diagnosis(node: Node) -> bool:
    """Return True for an answer with counted tokens by a model that chats."""
    return bool(node.target and not node.target.makes_images and node.usage.input is not None)


def open_for(node: Node) -> None:
    """Open the diagnosis of an answer, for which nothing is loaded before; a callback."""
    session_state.diagnosed_node_id = node.id


def _close() -> None:
    del session_state.diagnosed_node_id


def render(user: User, view: ConversationView) -> None:
    """Render the dialog of the diagnosis that was opened, until it is closed."""
    node_id = session_state.diagnosed_node_id
    if node_id and any(node.id == node_id for node in view.nodes):
        st.dialog(t("cache.title"), width="medium", on_dismiss=_close)(_render_content)(user, view, node_id)


def _render_content(user: User, view: ConversationView, node_id: str) -> None:
    try:
        found = diagnose_answer(services.turn_services(), user.id, view.conversation_id or "", node_id)
    except StoreError as error:
        st.caption(errors.code_message(error.code))
        return
    if found is None:
        st.caption(t("comparison.missing"))
        return
    diagnosis = found.diagnosis
    st.markdown(f":material/{_ICONS[diagnosis.verdict]}: **{t(f'cache.verdict_{diagnosis.verdict}')}**")
    if diagnosis.cause:
        st.markdown(_describe_cause(found))
        advice = f"cache.advice_{diagnosis.cause}"
        if has_message(advice):
            st.markdown(f":material/lightbulb: {t(advice)}")
    with st.container(key="cache-facts"):
        table.render(["", ""], [list(row) for row in _list_facts(found)])
    if diagnosis.vendor_cause:
        st.caption(_describe_vendor_cause(diagnosis))
    st.caption(t("cache.reconstructed" if found.is_reconstructed else "cache.recorded"))


def _describe_cause(found: AnswerDiagnosis) -> str:
    """Explain the cause of a miss in one sentence, as Markdown."""
    diagnosis, previous = found.diagnosis, found.previous
    difference, target = diagnosis.difference, previous.target if previous else None
    index = difference.index if difference and difference.index is not None else 0
    return t(
        f"cache.cause_{diagnosis.cause}",
        number=index + 1,
        minimum=diagnosis.rules.minimum or USUAL_MINIMUM,
        elapsed=format_duration(diagnosis.elapsed or 0.0),
        lifetime=format_duration(diagnosis.rules.lifetime or 0.0),
        model=escape_literal(target.model) if target else "",
        wire=t(f"wire.{target.wire}") if target else "",
    )


def _list_facts(found: AnswerDiagnosis) -> Iterator[tuple[str, str]]:
    diagnosis = found.diagnosis
    if diagnosis.verdict != "unreported":
        yield t("cache.read"), f"{diagnosis.read:,}"
        yield t("cache.written"), f"{diagnosis.written:,}"
    if diagnosis.expected is not None:
        yield t("cache.expected"), f"{diagnosis.expected:,}"
    if diagnosis.difference and diagnosis.difference.index is not None:
        yield t("cache.shared"), f"{diagnosis.difference.shared:.0%}"
    if diagnosis.saved:
        yield t("cache.saved"), escape_literal(format_dollars(diagnosis.saved))
    if diagnosis.lost:
        yield t("cache.lost"), escape_literal(format_dollars(diagnosis.lost))
    elif diagnosis.cause and diagnosis.expected and diagnosis.lost is None:
        yield t("cache.lost"), t("cache.no_price")
    if diagnosis.elapsed is not None:
        yield t("cache.elapsed"), format_duration(diagnosis.elapsed)
    if diagnosis.rules.minimum:
        yield t("cache.minimum"), f"{diagnosis.rules.minimum:,}"
    if diagnosis.rules.lifetime:
        key = "cache.lifetime_about" if diagnosis.rules.may_stay else "cache.lifetime"
        yield t(key), format_duration(diagnosis.rules.lifetime)


def _describe_vendor_cause(diagnosis: CacheDiagnosis) -> str:
    """Return the wire's own diagnosis, in our words where it is known."""
    key = f"cache.vendor_{diagnosis.vendor_cause}"
    cause = t(key) if has_message(key) else escape_literal(diagnosis.vendor_cause[:80])
    if diagnosis.vendor_tokens is None:
        return t("cache.vendor", cause=cause)
    return t("cache.vendor_tokens", cause=cause, tokens=diagnosis.vendor_tokens)
