"""Page of the inspector: the recent exchanges of the user with a filter, or one of them in full width."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.chat.exchanges.recent import ExchangeFilter, list_recent
from lib.core.conversation import Conversation
from lib.core.exchanges import ExchangeSummary
from lib.core.images import format_size
from lib.core.target import ALL_WIRES, is_wire
from lib.core.user import User
from lib.ui.inspector import exchange_view
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.session.values import Inspection
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import exchange_actions, paging
from lib.ui.widgets.controls import render_button, render_section
from lib.ui.widgets.navigation import CHAT_PAGE, COMPARE_PAGE, COMPARISON_PARAMETER

PARAMETER = "exchange"
_LIST = "exchanges"
_WIRE_KEY, _ERRORS_KEY = "exchanges.wire", "exchanges.errors"
_PAGE_SIZE = 30


def render(user: User) -> None:
    """Render the exchange in the address, else the list. Raises StoreError."""
    exchange_id = st.query_params.get(PARAMETER)
    list_slot, exchange_slot = st.empty(), st.empty()
    if exchange_id:
        with exchange_slot.container():
            _render_exchange(user, exchange_id)
    else:
        with list_slot.container():
            _render_list(user)


def _render_exchange(user: User, exchange_id: str) -> None:
    opened = session_state.opened_exchange
    if opened is None or opened.exchange_id != exchange_id:
        exchange_view.reset()
        opened = session_state.opened_exchange = Inspection(exchange_id=exchange_id)
    store = resources.store()
    exchange_view.load(user, store, opened)
    with st.container(key="inspector-links", horizontal=True, vertical_alignment="center", gap="small"):
        render_button(t("inspector.all"), "inspector-all", "list", _open, "")
        if opened.exchanges and (conversation_id := opened.exchanges[0].conversation_id):
            _render_origin(store.conversations.get(user.id, conversation_id))
    if not opened.exchanges:
        st.warning(t("inspector.gone"), icon=":material/search_off:")
        return
    with st.container(key="inspector-full"):
        exchange_view.render(user, store, opened)
        exchange_actions.render(user, opened.exchanges[0], store)


def _render_origin(conversation: Conversation | None) -> None:
    """Render the link to the conversation of an answer, or to the comparison that it is a column of."""
    if conversation is None:
        return
    page, icon, label, query = CHAT_PAGE, "chat", "inspector.conversation", {"c": conversation.id}
    if conversation.comparison_id:
        page, icon, label = COMPARE_PAGE, "compare", "inspector.comparison"
        query = {COMPARISON_PARAMETER: conversation.comparison_id}
    st.page_link(page, label=t(label), icon=f":material/{icon}:", query_params=query, width="content")


def _render_list(user: User) -> None:
    st.caption(t("inspector.about"))
    wanted = _render_filter()

    def fetch(limit: int, after: ExchangeSummary | None) -> list[ExchangeSummary]:
        return list_recent(resources.store().exchanges, user.id, limit, after, wanted)

    render_section(t("inspector.import"), "inspector-import", lambda: exchange_actions.render_import(user))
    with st.container(key="inspector-list", gap=None):
        paging.render(_LIST, fetch, partial(_render_rows, is_filtered=wanted != ExchangeFilter()), _PAGE_SIZE)


def _render_filter() -> ExchangeFilter:
    with st.container(key="inspector-filter", horizontal=True, vertical_alignment="center"):
        model = paging.render_search_field(_LIST, t("inspector.find_model"))
        wire = st.selectbox(
            t("inspector.wire"),
            ALL_WIRES,
            index=None,
            format_func=lambda name: t(f"wire.{name}"),
            placeholder=t("inspector.all_wires"),
            key=_WIRE_KEY,
            label_visibility="collapsed",
            on_change=paging.reset,
            args=(_LIST,),
        )
        has_error = st.toggle(t("inspector.errors_only"), key=_ERRORS_KEY, on_change=paging.reset, args=(_LIST,))
    return ExchangeFilter(model or "", wire if is_wire(wire) else None, has_error)


def _render_rows(summaries: list[ExchangeSummary], *, is_filtered: bool) -> None:
    if not summaries:
        st.markdown(t("inspector.no_match" if is_filtered else "inspector.empty"))
    for summary in summaries:
        with st.container(key=f"exchange-{summary.id}", gap=None):
            label = f"{_status_icon(summary)} {escape_markdown(summary.target.model)}"
            render_button(label, f"exchange-open-{summary.id}", "", _open, summary.id, width="stretch")
            st.caption(_describe(summary))


def _status_icon(summary: ExchangeSummary) -> str:
    is_error = bool(summary.error) or (summary.status or 0) >= 400
    return ":material/error:" if is_error else ":material/check_circle:"


def _describe(summary: ExchangeSummary) -> str:
    """Return the facts of an exchange in one line of Markdown."""
    facts = [dates.format_moment(summary.started_at), t(f"wire.{summary.target.wire}")]
    status = str(summary.status) if summary.status else t("inspector.no_response")
    facts.append(f"{status} {escape_markdown(summary.error)}" if summary.error else status)
    if summary.duration is not None:
        facts.append(t("inspector.took", seconds=f"{summary.duration:.2f}"))
    if summary.first_byte is not None:
        facts.append(t("inspector.first_after", seconds=f"{summary.first_byte:.2f}"))
    facts.append(format_size(summary.response_bytes))
    if summary.attempt_count > 1:
        facts.append(t("inspector.attempt_count", count=summary.attempt_count))
    if summary.purpose != "answer":
        facts.append(t(f"inspector.{summary.purpose}"))
    return " · ".join(facts)


def _open(exchange_id: str) -> None:
    """Show an exchange, or the list for ""; a callback."""
    if exchange_id:
        st.query_params[PARAMETER] = exchange_id
    else:
        st.query_params.pop(PARAMETER, None)
