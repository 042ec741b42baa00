"""Search in all messages: a box, what was found, and the way to it."""

from __future__ import annotations

import re

import streamlit as st

from lib.chat.turns import branches
from lib.core import search_terms, tree
from lib.core.errors import ConversationNotFound
from lib.core.usage import SearchResult
from lib.core.user import User
from lib.ui.history import row
from lib.ui.session import resources
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.errors import shows_errors

_INPUT_KEY = "search"
_PAGE_SIZE = 20
_CONTEXT_CHARS = 45  # characters of a message on each side of what was found: about three lines in all

_MARKDOWN_MARKUP = re.compile(r"\*\*|`+|^#{1,6} |^> ", re.MULTILINE)


def render_input() -> str:
    """The box; returns what is searched for, "" for nothing."""
    label = t("search.label")
    typed = st.text_input(
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
    return typed.strip()


def render_results(user: User, query: str) -> None:
    """What was found, newest first. Raises StoreError."""
    terms = search_terms.parse_query(query)

    def fetch(limit: int, before: SearchResult | None) -> list[SearchResult]:
        return resources.store().search.find(user.id, query, limit, before)

    def draw(found: list[SearchResult]) -> None:
        for hit in found:
            _render_result(user, hit, terms)
        if not found:
            st.caption(t("search.nothing", query=escape_markdown(query)))

    paging.render(_INPUT_KEY, fetch, draw, _PAGE_SIZE)


def _render_result(user: User, result: SearchResult, terms: tuple[search_terms.Term, ...]) -> None:
    passage = search_terms.extract_passages(
        result.text, search_terms.find_matches(result.text, terms), _CONTEXT_CHARS
    )[0]
    said = "".join(_format_piece(text, is_match=sought) for text, sought in passage.segments)
    before, after = "… " if passage.start else "", " …" if passage.end < len(result.text) else ""
    st.button(
        f"**{escape_markdown(result.conversation.title)}**  \n{before}{said}{after}",
        key=f"hit-{result.node_id}",
        type="tertiary",
        width="stretch",
        on_click=_open_result,
        args=(user, result),
    )


def _format_piece(text: str, *, is_match: bool) -> str:
    """A part of a passage as Markdown: its words on one line, without the signs that only shape them."""
    inner = escape_markdown(_MARKDOWN_MARKUP.sub("", text))
    if is_match:
        return f":primary-background[{inner}]"
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if text[-1:].isspace() else ''}"


@shows_errors
def _open_result(user: User, result: SearchResult) -> None:
    """Show the message that was found, on its branch; a callback."""
    id_ = result.conversation.id
    now, nodes = (
        resources.store().conversations.get(user.id, id_),
        resources.store().messages.nodes(user.id, id_),
    )
    if now is None:
        raise ConversationNotFound
    # The branch that is shown stays where the message is on it: its end may not be the newest one.
    if all(node.id != result.node_id for node in tree.path(nodes, now.head_id)):
        branches.show_branch(resources.services(), user.id, id_, result.node_id)
    row.open_conversation(id_, result.node_id)
