"""Full-text search in the sidebar: the input, the results, and opening one."""

from __future__ import annotations

import re

import streamlit as st

from lib.chat.turns import branches
from lib.core import search_terms, tree
from lib.core.errors import ConversationNotFound
from lib.core.usage import SearchResult
from lib.core.user import User
from lib.ui.history import row
from lib.ui.session import resources, services
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import shows_errors

_INPUT_KEY = "search"
_PAGE_SIZE = 20
_CONTEXT_CHARS = 45  # characters on each side of the first match: about three lines in all

_MARKDOWN_MARKUP = re.compile(r"\*\*|`+|^#{1,6} |^> ", re.MULTILINE)


def render_input() -> str:
    """Render the search field. Returns the query, "" for none."""
    label = t("search.label")
    query = st.text_input(
        label,
        key=_INPUT_KEY,
        type="search",
        live=True,
        placeholder=label,
        icon=":material/search:",
        label_visibility="collapsed",
        on_change=paging.reset,
        args=(_INPUT_KEY,),
    )
    return query.strip()


def render_results(user: User, query: str) -> None:
    """Render the matching messages, newest first, in pages. Raises StoreError."""
    terms = search_terms.parse_query(query)

    def fetch(limit: int, before: SearchResult | None) -> list[SearchResult]:
        return resources.store().search.find(user.id, query, limit, before)

    def render_items(results: list[SearchResult]) -> None:
        for result in results:
            _render_result(user, result, terms)
        if not results:
            st.caption(t("search.nothing", query=escape_markdown(query)))

    paging.render(_INPUT_KEY, fetch, render_items, _PAGE_SIZE)


def _render_result(user: User, result: SearchResult, terms: tuple[search_terms.Term, ...]) -> None:
    matches = search_terms.find_matches(result.text, terms)
    passage = search_terms.extract_passages(result.text, matches, _CONTEXT_CHARS)[0]
    excerpt = "".join(_format_segment(text, is_match=is_match) for text, is_match in passage.segments)
    before, after = "… " if passage.start else "", " …" if passage.end < len(result.text) else ""
    label = f"**{escape_markdown(result.conversation.title)}**  \n{before}{excerpt}{after}"
    render_button(label, f"hit-{result.node_id}", "", _open_result, user, result, width="stretch")


def _format_segment(text: str, *, is_match: bool) -> str:
    """Return a segment of a passage as Markdown on one line, without its own markup."""
    escaped = escape_markdown(_MARKDOWN_MARKUP.sub("", text))
    if is_match:
        return f":primary-background[{escaped}]"
    return f"{' ' if text[:1].isspace() else ''}{escaped}{' ' if text[-1:].isspace() else ''}"


@shows_errors
def _open_result(user: User, result: SearchResult) -> None:
    """Show a search result's message, on its branch; a callback."""
    conversation_id = result.conversation.id
    conversation = resources.store().conversations.get(user.id, conversation_id)
    if conversation is None:
        raise ConversationNotFound
    nodes = resources.store().messages.nodes(user.id, conversation_id)
    # The shown branch stays if it has the message: another branch may have a newer end.
    if all(node.id != result.node_id for node in tree.path(nodes, conversation.head_id)):
        branches.show_branch(services.turn_services(), user.id, conversation_id, result.node_id)
    row.open_conversation(conversation_id, result.node_id)
