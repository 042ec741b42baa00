"""Full-text search in the sidebar: the input, the results by conversation, and opening one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from lib.chat.turns import branches
from lib.core import search_terms, tree
from lib.core.errors import ConversationNotFound
from lib.core.search import MessageHit, SearchFilter, SearchResult
from lib.core.user import User
from lib.ui.history import row, search_filters
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

_INPUT_KEY = "search"
_PAGE_SIZE = 12  # conversations, each with some messages
_CONTEXT_CHARS = 45  # characters on each side of the first match: about three lines in all

_MARKDOWN_MARKUP = re.compile(r"\*\*|`+|^#{1,6} |^> ", re.MULTILINE)
Terms = Sequence[search_terms.Term]


def render_input(user: User) -> tuple[str, SearchFilter] | None:
    """Render the search field and its filters. Returns the query and the filter; None without any."""
    label = t("search.label")
    with st.container(key="search-row", horizontal=True, wrap=False, gap="xsmall", vertical_alignment="center"):
        query = st.text_input(
            label,
            key=_INPUT_KEY,
            type="search",
            live=True,
            placeholder=label,
            icon=":material/search:",
            label_visibility="collapsed",
            on_change=_on_query_change,
        ).strip()
        search_filters.render_toggle()
    search_filter = search_filters.render(user)
    return (query, search_filter) if query or not search_filter.is_empty else None


def render_results(
    user: User, query: str, search_filter: SearchFilter, name: str = search_filters.PAGER, empty: str = ""
) -> None:
    """Render the conversations that are found, in the pages of the list `name`; `empty` if there are none.

    Raises StoreError.
    """
    terms = search_terms.parse_query(query)
    expanded = session_state.expanded_results

    def fetch(limit: int, before: SearchResult | None) -> list[SearchResult]:
        return resources.store().search.find(user.id, query, limit, before, search_filter, expanded)

    def render_items(results: list[SearchResult]) -> None:
        for result in results:
            _render_result(user, result, terms, name, search_filter)
        if not results:
            nothing = t("search.nothing", query=escape_markdown(query)) if query else t("search.nothing_filtered")
            st.caption(empty or nothing)

    paging.render(name, fetch, render_items, _PAGE_SIZE)


def _on_query_change() -> None:
    paging.reset(search_filters.PAGER)
    del session_state.expanded_results


def _render_result(user: User, result: SearchResult, terms: Terms, name: str, search_filter: SearchFilter) -> None:
    conversation = result.conversation
    # Two lists may be on one page.
    suffix = "" if name == search_filters.PAGER else f"-{name}"
    with st.container(key=f"found-{conversation.id}{suffix}", gap=None):
        facts = [dates.format_short_day(conversation.updated_at)]
        facts += [t("archive.title")] if conversation.archived else []
        facts += [escape_markdown(conversation.folder)] if conversation.folder and not search_filter.folder else []
        title = _format_excerpt(conversation.title, terms, len(conversation.title)) or t("rename.untitled")
        label = f"{title}  \n:gray[{' · '.join(facts)}]"
        key = f"found-title-{conversation.id}{suffix}"
        render_button(label, key, "", row.open_conversation, conversation.id, width="stretch")
        for hit in result.hits:
            _render_hit(user, conversation.id, hit, terms, suffix)
        hidden_count = result.hit_count - len(result.hits)
        if hidden_count and conversation.id in session_state.expanded_results:
            st.caption(t("search.too_many", count=hidden_count))
        elif hidden_count:
            label = t("search.all_hits", count=result.hit_count)
            render_button(label, f"hits-of-{conversation.id}{suffix}", "", _expand, conversation.id)


def _render_hit(user: User, conversation_id: str, hit: MessageHit, terms: Terms, suffix: str) -> None:
    author = t("export.question" if hit.role == "user" else "export.answer")
    excerpt = _format_excerpt(hit.text, terms, _CONTEXT_CHARS)
    day = dates.format_short_day(hit.created_at)
    if hit.file_name:
        name = _format_excerpt(hit.file_name, terms, len(hit.file_name))
        label = f":material/attach_file: {name}  \n{excerpt}  \n:gray[{author} · {day}]"
    else:
        label = f"{excerpt}  \n:gray[{author} · {day}]"
    key = f"hit-{hit.node_id}{suffix}"
    render_button(label, key, "", _open_hit, user, conversation_id, hit.node_id, width="stretch")


def _format_excerpt(text: str, terms: Terms, context_chars: int) -> str:
    """Return the passage around the first match as Markdown on one line, with its matches marked."""
    passage = search_terms.extract_passages(text, search_terms.find_matches(text, terms), context_chars)[0]
    before, after = "… " if passage.start else "", " …" if passage.end < len(text) else ""
    excerpt = "".join(_format_segment(part, is_match=is_match) for part, is_match in passage.segments)
    return f"{before}{excerpt}{after}"


def _format_segment(text: str, *, is_match: bool) -> str:
    """Return a segment of a passage as Markdown on one line, without its own markup."""
    text = _MARKDOWN_MARKUP.sub("", text)
    escaped = escape_markdown(text)
    if is_match:
        return f":primary-background[{escaped}]"
    if not escaped:
        return " " if text else ""
    return f"{' ' if text[:1].isspace() else ''}{escaped}{' ' if text[-1:].isspace() else ''}"


def _expand(conversation_id: str) -> None:
    session_state.expanded_results.add(conversation_id)


@shows_errors
def _open_hit(user: User, conversation_id: str, node_id: str) -> None:
    """Show a message that was found, on its branch; a callback."""
    conversation = resources.store().conversations.get(user.id, conversation_id)
    if conversation is None:
        raise ConversationNotFound
    nodes = resources.store().messages.nodes(user.id, conversation_id)
    # The shown branch stays if it has the message: another branch may have a newer end.
    if all(node.id != node_id for node in tree.path(nodes, conversation.head_id)):
        branches.show_branch(services.turn_services(), user.id, conversation_id, node_id)
    row.open_conversation(conversation_id, node_id)
